import { Button, Skeleton, Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "react-router";
import { ApiError } from "@/api/error";
import { jobOptions } from "@/api/job";
import { useWatch } from "@/app/live";
import { JobHeader } from "@/features/job/header/header";
import { JobTabs } from "@/features/job/job-tabs";
import { useTab } from "@/features/job/use-tab";
import { EmptyState } from "@/ui/empty-state";
import { Loaded } from "@/ui/loaded";
import { Page } from "@/ui/page";

/** One job: the header that answers, and the sections that have something to show. */
export function JobPage() {
  const { jobId = "" } = useParams();
  const query = useQuery(jobOptions(jobId));
  const { tab, onTab, tabs } = useTab(query.data);
  useWatch(jobId);
  if (query.data === undefined && query.error instanceof ApiError && query.error.status === 404)
    return <NoSuchJob jobId={jobId} />;
  return (
    <Loaded query={query} what="The job" skeleton={<JobSkeleton />}>
      {(job) => (
        <Stack gap="lg">
          <JobHeader job={job} onTab={onTab} />
          <JobTabs job={job} tab={tab} tabs={tabs} onTab={onTab} />
        </Stack>
      )}
    </Loaded>
  );
}

/** Absent and another project's look the same: the server does not tell which. */
function NoSuchJob(props: { jobId: string }) {
  return (
    <Page title="No such job">
      <EmptyState
        title="This job does not exist"
        text={`There is no job ${props.jobId} here, or it belongs to a project that you are not a member of. If somebody sent you the link, ask them to add you to their project.`}
        action={
          <Button component={Link} to="/jobs">
            See your jobs
          </Button>
        }
      />
    </Page>
  );
}

function JobSkeleton() {
  return (
    <Stack gap="lg">
      <Skeleton h={112} maw={560} />
      <Skeleton h={132} />
      <Skeleton h={360} />
    </Stack>
  );
}
