import { type ComponentType, lazy, Suspense } from "react";
import { Route, Routes } from "react-router";
import { Frame } from "@/app/frame";
import { NotFound } from "@/app/not-found";
import { PageBoundary } from "@/app/page-boundary";

/** A page's file is loaded when it is first opened. */
function page<Name extends string>(load: () => Promise<Record<Name, ComponentType>>, name: Name) {
  const Lazy = lazy(async (): Promise<{ default: ComponentType }> => ({ default: (await load())[name] }));
  return (
    <PageBoundary>
      <Suspense fallback={null}>
        <Lazy />
      </Suspense>
    </PageBoundary>
  );
}

const SIGN_IN = page(() => import("@/features/sign-in/sign-in-page"), "SignInPage");
const HOME = page(() => import("@/features/home/home-page"), "HomePage");
const TUNE = page(() => import("@/features/tune/tune-page"), "TunePage");
const JOBS = page(() => import("@/features/jobs/jobs-page"), "JobsPage");
const JOB = page(() => import("@/features/job/job-page"), "JobPage");
const SETTINGS = page(() => import("@/features/settings/settings-page"), "SettingsPage");

/** Which page lives where. */
export function Pages() {
  return (
    <Routes>
      <Route path="/sign-in" element={SIGN_IN} />
      <Route path="/" element={<Frame />}>
        <Route index element={HOME} />
        <Route path="tune" element={TUNE} />
        <Route path="jobs" element={JOBS} />
        <Route path="jobs/:jobId" element={JOB} />
        <Route path="settings/:tab?" element={SETTINGS} />
        <Route path="*" element={<NotFound />} />
      </Route>
    </Routes>
  );
}
