import { Text, Tooltip } from "@mantine/core";
import { exact, relative } from "@/lib/format";
import { useNow } from "@/lib/use-now";

/** A moment (seconds since 1970) as "4 min ago", in full on hover, and kept true while it is looked at. */
export function Ago(props: { at: number }) {
  const now = useNow();
  return (
    <Tooltip label={exact(props.at)}>
      <Text span inherit component="time" dateTime={new Date(props.at * 1000).toISOString()}>
        {relative(props.at, now)}
      </Text>
    </Tooltip>
  );
}
