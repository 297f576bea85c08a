import { Button, Stack } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { IconWand } from "@tabler/icons-react";
import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useCallback, useMemo, useState } from "react";
import { Link, useNavigate } from "react-router";
import type { JobCounts } from "@/api/generated";
import { jobCounts, jobList } from "@/api/jobs";
import { useSession } from "@/app/session";
import { BulkBar } from "@/features/jobs/bulk-bar";
import { columnsOf } from "@/features/jobs/column-names";
import { column } from "@/features/jobs/columns";
import { ColumnsMenu } from "@/features/jobs/columns-menu";
import { FilterBar } from "@/features/jobs/filter-bar";
import { EVERYTHING, type Filters, narrows, sortedBy } from "@/features/jobs/filters";
import { JobsCards } from "@/features/jobs/jobs-cards";
import { JobsSkeleton } from "@/features/jobs/jobs-skeleton";
import { JobsTable } from "@/features/jobs/jobs-table";
import { Foot, NewOnTop, NoJobs } from "@/features/jobs/list-notes";
import { countsQuery, jobsQuery } from "@/features/jobs/list-query";
import { useFilters } from "@/features/jobs/use-filters";
import { useJobActions } from "@/features/jobs/use-job-actions";
import { neighbour, useJobKeys } from "@/features/jobs/use-job-keys";
import { useNewOnTop } from "@/features/jobs/use-new-on-top";
import { useSelection } from "@/features/jobs/use-selection";
import { useViews } from "@/features/jobs/use-views";
import { ViewTabs } from "@/features/jobs/view-tabs";
import { useKept } from "@/lib/use-kept";
import { ErrorState } from "@/ui/error-state";
import { Page } from "@/ui/page";

const PHONE = "(max-width: 47.99em)";

/** Every run at a glance: filtered by the address, arranged by the browser's own memory. */
export function JobsPage() {
  const session = useSession();
  const navigate = useNavigate();
  const phone = useMediaQuery(PHONE, undefined, { getInitialValueInEffect: false });
  const [filters, setFilters] = useFilters();
  const [chosen, setChosen] = useKept("tunesmith-jobs-columns", columnsOf);
  const columns = useMemo(() => chosen.map(column), [chosen]);
  const views = useViews(session.user, filters);

  const list = useInfiniteQuery({ ...jobList(jobsQuery(filters)), placeholderData: keepPreviousData });
  const counts = useQuery({ ...jobCounts(countsQuery(filters)), placeholderData: keepPreviousData });
  const jobs = useMemo(() => list.data?.pages.flatMap((page) => page.data) ?? [], [list.data]);
  const owners = useMemo(() => [...new Set([session.user, ...jobs.map((job) => job.owner)])], [session.user, jobs]);

  const selection = useSelection(jobs);
  const actions = useJobActions();
  const [current, setCurrent] = useState<string | null>(null);
  const [scrolled, setScrolled] = useState(false);
  const fresh = useNewOnTop(filters, scrolled || selection.jobs.length > 0);

  const chosenOrCurrent = () => (selection.jobs.length ? selection.jobs : jobs.filter((job) => job.id === current));
  const cancelChosen = () => {
    const some = chosenOrCurrent();
    if (some.length) actions.cancel(some, () => selection.set([]));
  };
  useJobKeys({
    move: (by) => {
      const next = neighbour(jobs, current, by);
      if (next) setCurrent(next.id);
    },
    select: () => current && selection.toggle(current),
    cancel: cancelChosen,
    open: () => current && navigate(`/jobs/${current}`),
  });
  const { fetchNextPage, isFetchingNextPage } = list;
  const more = useCallback(() => {
    if (!isFetchingNextPage) void fetchNextPage();
  }, [fetchNextPage, isFetchingNextPage]);

  return (
    <Page
      title="Jobs"
      lead="Every run, newest first: what it does now, how well it went, and what it cost."
      action={
        <Button component={Link} to="/tune" leftSection={<IconWand size={16} aria-hidden />}>
          Tune a model
        </Button>
      }
    >
      <Stack gap="sm">
        <ViewTabs
          {...views}
          counts={counts.data}
          filters={filters}
          onOpen={(view) => {
            setFilters(view.filters);
            if (view.columns) setChosen(view.columns);
          }}
          onSave={(name) => views.save({ name, filters, columns: chosen })}
          onForget={views.forget}
        />
        <FilterBar
          filters={filters}
          onChange={(change) => setFilters({ ...filters, ...change })}
          counts={counts.data}
          projects={session.projects.length > 1 ? session.projects.map(({ name }) => name) : null}
          owners={owners}
          folded={phone}
        >
          <ColumnsMenu columns={chosen} onChange={setChosen} />
        </FilterBar>
        {list.data === undefined ? (
          list.error ? (
            <ErrorState error={list.error} what="Jobs could not be loaded" onRetry={() => void list.refetch()} />
          ) : (
            <JobsSkeleton columns={columns} phone={phone} />
          )
        ) : jobs.length === 0 ? (
          <NoJobs narrowed={narrows(filters)} onClear={() => setFilters(EVERYTHING)} />
        ) : (
          <Stack gap="xs" style={{ opacity: list.isPlaceholderData ? 0.6 : 1 }}>
            <NewOnTop waiting={fresh.waiting} onShow={fresh.show} />
            {phone ? (
              <JobsCards
                {...{ jobs, columns, selection, current, actions }}
                onCurrent={setCurrent}
                hasMore={list.hasNextPage}
                onMore={more}
                onScrolled={setScrolled}
              />
            ) : (
              <JobsTable
                {...{ jobs, columns, selection, current, actions }}
                onCurrent={setCurrent}
                hasMore={list.hasNextPage}
                onMore={more}
                onScrolled={setScrolled}
                sort={filters.sort}
                onSort={(field) => setFilters(sortedBy(filters, field))}
              />
            )}
            <Foot loaded={jobs.length} total={listed(counts.data, filters)} phone={phone} />
          </Stack>
        )}
      </Stack>
      <BulkBar jobs={selection.jobs} onCancel={cancelChosen} onClear={() => selection.set([])} />
    </Page>
  );
}

/** How many jobs the filters keep; null until it is known. */
function listed(counts: JobCounts | undefined, filters: Filters): number | null {
  if (!counts) return null;
  if (filters.statuses.length === 0) return counts.total;
  return filters.statuses.reduce((sum, status) => sum + (counts.by_status[status] ?? 0), 0);
}
