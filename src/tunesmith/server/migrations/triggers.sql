-- Run after the tables are made. The database refuses what jobs/states.py must never ask for.
CREATE OR REPLACE FUNCTION tunesmith_guard_job() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.status <> 'validating_files' THEN
      RAISE EXCEPTION 'job %: a new job must be validating_files, not %', NEW.id, NEW.status
        USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
  END IF;
  IF NEW.epoch < OLD.epoch THEN
    RAISE EXCEPTION 'job %: epoch may not fall from % to %', OLD.id, OLD.epoch, NEW.epoch
      USING ERRCODE = 'check_violation';
  END IF;
  -- A run that was over before its first report starts and ends in one step.
  IF OLD.status = 'queued' AND NEW.status = 'succeeded' AND NEW.attempts > OLD.attempts THEN
    RETURN NEW;
  END IF;
  IF NEW.status <> OLD.status AND NOT (OLD.status || '>' || NEW.status) = ANY (ARRAY[
      'validating_files>queued', 'validating_files>failed', 'validating_files>cancelled',
      'queued>running', 'queued>paused', 'queued>failed', 'queued>cancelled',
      'running>queued', 'running>paused', 'running>succeeded', 'running>failed', 'running>cancelled',
      'paused>queued', 'paused>cancelled']) THEN
    RAISE EXCEPTION 'job %: % may not become %', OLD.id, OLD.status, NEW.status USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;

CREATE OR REPLACE TRIGGER guard_new_job BEFORE INSERT ON jobs FOR EACH ROW EXECUTE FUNCTION tunesmith_guard_job();

CREATE OR REPLACE TRIGGER guard_job BEFORE UPDATE ON jobs FOR EACH ROW
  WHEN (OLD.status IS DISTINCT FROM NEW.status OR NEW.epoch < OLD.epoch) EXECUTE FUNCTION tunesmith_guard_job();

CREATE OR REPLACE FUNCTION tunesmith_guard_attempt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'job %, epoch %: an attempt that has ended may not change', OLD.job_id, OLD.epoch
    USING ERRCODE = 'check_violation';
END $$;

CREATE OR REPLACE TRIGGER guard_attempt BEFORE UPDATE ON attempts FOR EACH ROW
  WHEN (OLD.phase = 'ended') EXECUTE FUNCTION tunesmith_guard_attempt();
