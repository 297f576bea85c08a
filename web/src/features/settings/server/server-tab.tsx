import { Skeleton, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { DatabaseFacts, ServerFacts, StorageFacts } from "@/api/generated";
import { serverFacts } from "@/api/server";
import { Facts } from "@/features/settings/facts";
import { Section } from "@/features/settings/section";
import { bytes, count, counted, figure } from "@/lib/format";
import { Ago } from "@/ui/ago";
import { CopyText } from "@/ui/copy-text";
import { Loaded } from "@/ui/loaded";
import { Term } from "@/ui/term";

const KINDS: Record<StorageFacts["kind"], string> = {
  folder: "Folder",
  s3: "S3 bucket",
  gcs: "Google Cloud Storage bucket",
  azure: "Azure container",
  http: "Store by HTTP",
  memory: "Memory: nothing outlives the server",
};

/** What runs here; where its data lies is told to admins. */
export function ServerTab() {
  const facts = useQuery({ ...serverFacts(), refetchInterval: 10_000 });
  return (
    <Loaded query={facts} what="The server's facts" skeleton={<Skeleton h={420} maw={960} />}>
      {(server) => (
        <Stack gap="lg" maw={960}>
          <Running server={server} />
          {server.database && server.storage ? (
            <>
              <Database database={server.database} />
              <Storage storage={server.storage} dataDir={server.data_dir ?? null} />
            </>
          ) : (
            <Section title="Database and storage">
              <Text c="dimmed">
                Where the data lies, and how full the disk is, is shown to admins. Ask the person who runs this server.
              </Text>
            </Section>
          )}
        </Stack>
      )}
    </Loaded>
  );
}

function Running(props: { server: ServerFacts }) {
  const { server } = props;
  const { connected, busy } = server.workers;
  return (
    <Section title="This server" lead="Any program that speaks OpenAI's API works with this base URL and a key.">
      <Facts
        facts={[
          ["Base URL", <CopyText key="url" text={server.url} what="the base URL" />],
          ["Version", `Tunesmith ${server.version}, Python ${server.python}`],
          ["Started", <Ago key="started" at={server.started_at} />],
          [
            <Term key="workers" means="Machines that train. They ask the server for jobs, from behind any firewall.">
              Workers
            </Term>,
            connected ? (
              `${counted(connected, "worker")} connected, ${busy} training`
            ) : (
              <span key="none">
                None connected. Start one: <CopyText text={workerCommand(server)} what="the command" />
              </span>
            ),
          ],
          [
            <Term key="engines" means="Processes that answer calls of models.">
              Engines
            </Term>,
            server.engines
              ? `${counted(server.engines, "engine")} connected`
              : "None connected: models cannot be called",
          ],
          [
            "Price",
            server.price_per_hour
              ? `${figure(server.price_per_hour)} an hour of a worker's time`
              : "Nothing is charged for a worker's time",
          ],
        ]}
      />
    </Section>
  );
}

function Database(props: { database: DatabaseFacts }) {
  const { database } = props;
  return (
    <Section title="Database">
      <Facts
        facts={[
          [
            "PostgreSQL",
            `${database.version}, ${database.embedded ? "embedded in the data folder" : "your own server"}`,
          ],
          ["Size", bytes(database.size_bytes)],
          [
            <Term key="schema" means="The revision of the tables. The server brings them up to date when it starts.">
              Schema
            </Term>,
            database.revision,
          ],
          ["Connections", count(database.connections)],
        ]}
      />
    </Section>
  );
}

function Storage(props: { storage: StorageFacts; dataDir: string | null }) {
  const { storage } = props;
  return (
    <Section title="Storage" lead="Uploaded files, checkpoints and models, each kept once however often it is used.">
      <Facts
        facts={[
          ["Kind", KINDS[storage.kind]],
          ["Location", <CopyText key="location" text={storage.location} what="the location" />],
          ["Kept", `${counted(storage.n_blobs, "object")}, ${bytes(storage.size_bytes)}`],
          ["Free", storage.free_bytes == null ? null : `${bytes(storage.free_bytes)} on its disk`],
          ["Data folder", props.dataDir ? <CopyText key="dir" text={props.dataDir} what="the path" /> : null],
        ]}
      />
    </Section>
  );
}

function workerCommand(server: ServerFacts): string {
  return `tunesmith worker --url ${server.url.replace(/\/v1$/, "")}`;
}
