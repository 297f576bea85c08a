import { createBrowserRouter, type LazyRouteFunction, type RouteObject } from "react-router";
import { Frame } from "@/app/frame";
import { NotFound } from "@/app/not-found";
import { RouteError } from "@/app/route-error";

/** A page's file is loaded when it is first opened. */
function page<Name extends string>(
  load: () => Promise<Record<Name, React.ComponentType>>,
  name: Name,
): LazyRouteFunction<RouteObject> {
  return async () => ({ Component: (await load())[name] });
}

export const routes: RouteObject[] = [
  {
    path: "/sign-in",
    lazy: page(() => import("@/features/sign-in/sign-in-page"), "SignInPage"),
    errorElement: <RouteError />,
  },
  {
    path: "/",
    element: <Frame />,
    errorElement: <RouteError />,
    children: [
      {
        errorElement: <RouteError />,
        children: [
          { index: true, lazy: page(() => import("@/features/home/home-page"), "HomePage") },
          { path: "tune", lazy: page(() => import("@/features/tune/tune-page"), "TunePage") },
          { path: "jobs", lazy: page(() => import("@/features/jobs/jobs-page"), "JobsPage") },
          { path: "jobs/:jobId", lazy: page(() => import("@/features/job/job-page"), "JobPage") },
          { path: "settings/:tab?", lazy: page(() => import("@/features/settings/settings-page"), "SettingsPage") },
          { path: "*", element: <NotFound /> },
        ],
      },
    ],
  },
];

export const router = createBrowserRouter(routes);
