import { Page } from "@/ui/page";

export function TunePage() {
  return <Page title="Tune a model">{null}</Page>;
}
