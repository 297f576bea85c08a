import { Button, Group, Loader, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { useNavigate } from "react-router";
import type { DraftHandle } from "@/features/tune/draft";
import { draftFrom } from "@/features/tune/draft-from";
import { ErrorState } from "@/ui/error-state";

/** `/tune?clone=`, `?dataset=` or `?file=`: fills the draft and goes on where something is left to decide. The draft
 *  that was there can be brought back. */
export function Prefill(props: { search: URLSearchParams; handle: DraftHandle }) {
  const { replace } = props.handle;
  const navigate = useNavigate();
  const query = useQuery({
    queryKey: ["tune", "prefill", props.search.toString()],
    queryFn: () => draftFrom(props.search),
    staleTime: 0,
    gcTime: 0,
  });
  const { data, error } = query;
  useEffect(() => {
    if (!data) return;
    replace(data.draft);
    void navigate(data.step ? `/tune?step=${data.step}` : "/tune", { replace: true });
  }, [data, replace, navigate]);
  if (error)
    return (
      <ErrorState
        error={error}
        what="The draft could not be filled"
        onRetry={() => void query.refetch()}
        action={
          <Button variant="subtle" onClick={() => void navigate("/tune", { replace: true })}>
            Go on with the draft you have
          </Button>
        }
      />
    );
  return (
    <Group gap="sm" role="status">
      <Loader size="sm" />
      <Text>Filling in what is known.</Text>
    </Group>
  );
}
