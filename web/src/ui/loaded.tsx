import { Skeleton, Stack } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { ErrorState } from "@/ui/error-state";

/** A query's three faces: grey shapes of the size that will come, the error with its next step, or the data.
 *  Data that is there stays while it is asked for again, also when that fails. */
export function Loaded<T>(props: {
  query: UseQueryResult<T>;
  what: string;
  skeleton?: ReactNode;
  children: (data: T) => ReactNode;
}) {
  const { data, error, refetch } = props.query;
  if (data !== undefined) return props.children(data);
  if (error)
    return <ErrorState error={error} what={`${props.what} could not be loaded`} onRetry={() => void refetch()} />;
  return (
    <div role="status" aria-label={`Loading ${props.what.toLowerCase()}`}>
      {props.skeleton ?? (
        <Stack gap="sm">
          <Skeleton h={36} />
          <Skeleton h={36} />
          <Skeleton h={36} />
        </Stack>
      )}
    </div>
  );
}
