-- Run before the tables are made. Each statement stands alone between lines of two dashes and "next".
CREATE OR REPLACE FUNCTION tunesmith_now() RETURNS timestamptz LANGUAGE sql STABLE AS $$
  SELECT now() + COALESCE(NULLIF(current_setting('tunesmith.clock_offset', true), ''), '0')::interval
$$;
