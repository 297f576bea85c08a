import "@mantine/notifications/styles.css";
import { ModalsProvider } from "@mantine/modals";
import { Notifications } from "@mantine/notifications";
import { useEffect } from "react";
import { dialogsAreReady } from "@/ui/ask-first";

/** Where notes and dialogs appear. Nobody sees any in the first moment, so this file comes after the page. */
export function Overlays() {
  useEffect(dialogsAreReady, []);
  return (
    <>
      <ModalsProvider>{null}</ModalsProvider>
      <Notifications position="bottom-right" limit={4} />
    </>
  );
}
