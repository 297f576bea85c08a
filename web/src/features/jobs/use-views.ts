import { useMemo } from "react";
import type { Filters } from "@/features/jobs/filters";
import { builtInViews, currentView, keepable, type View, viewsOf, withView } from "@/features/jobs/views";
import { useKept } from "@/lib/use-kept";

/** The built-in views and the person's own, which one the filters show, and how own ones come and go. */
export function useViews(user: string, filters: Filters) {
  const [own, setOwn] = useKept("tunesmith-jobs-views", viewsOf, keepable);
  const views = useMemo(() => [...builtInViews(user), ...own], [user, own]);
  return {
    own,
    views,
    current: currentView(views, filters),
    save: (view: View) => setOwn(withView(own, view)),
    forget: (view: View) => setOwn(own.filter((each) => each !== view)),
  };
}
