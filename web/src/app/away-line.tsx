import { Anchor, Text } from "@mantine/core";
import { IconPlugConnectedX } from "@tabler/icons-react";
import classes from "@/app/away-line.module.css";
import { useLiveState } from "@/app/live";
import { liveStream } from "@/app/live-stream";
import { Ago } from "@/ui/ago";

/** One quiet line while the server is away, with the time of the last news; it goes when the server is back. */
export function AwayLine() {
  const { status, lastNewsAt } = useLiveState();
  return (
    <div role="status">
      {status === "away" ? (
        <div className={classes.line}>
          <IconPlugConnectedX size={14} aria-hidden />
          <Text span size="xs">
            The server is away.
            {lastNewsAt === null ? null : (
              <>
                {" "}
                Last news <Ago at={lastNewsAt / 1000} />.
              </>
            )}
          </Text>
          <Anchor component="button" type="button" size="xs" onClick={() => liveStream.hurry()}>
            Try now
          </Anchor>
        </div>
      ) : null}
    </div>
  );
}
