import "@mantine/spotlight/styles.css";
import { Kbd, Loader, Text, useMantineColorScheme } from "@mantine/core";
import { useClipboard, useDebouncedValue } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { createSpotlight, Spotlight, useSpotlight } from "@mantine/spotlight";
import { IconSearch } from "@tabler/icons-react";
import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { useNavigate } from "react-router";
import { chooseProject } from "@/api/accounts";
import { api, body } from "@/api/client";
import { messageOf } from "@/api/error";
import type { SearchHit } from "@/api/generated";
import { useWho } from "@/app/live";
import { ACTIONS, actionsFor, type Doing } from "@/app/palette/actions";
import { deedOf, deedWords, fits, lookOf } from "@/app/palette/objects";
import classes from "@/app/palette/palette.module.css";
import { remembered, withChosen } from "@/app/palette/recent";
import { useSignOut } from "@/app/sign-out";
import { useKept } from "@/lib/use-kept";

const [store, spotlight] = createSpotlight();
const TYPING_MS = 120;
const HITS = 12;
const MOST_ACTIONS = 4;
const NO_HITS: readonly SearchHit[] = [];

/** Every object and action by a few letters. `asked` grows by one each time that it is to be opened, or closed again. */
export function Palette(props: { asked: number }) {
  const [typed, setTyped] = useState("");
  const { opened } = useSpotlight(store);
  const who = useWho();
  const [recent, setRecent] = useKept(`tunesmith-recent:${who}`, remembered);
  const found = useFound(typed, opened);
  const act = useDoing();
  const choose = useChoosing();
  const told = useRef(0);
  useEffect(() => {
    if (told.current === props.asked) return;
    told.current = props.asked;
    spotlight.toggle();
  }, [props.asked]);

  const searching = typed.trim() !== "";
  const actions = searching ? actionsFor(typed).slice(0, MOST_ACTIONS) : ACTIONS;
  const recentIds = new Set(recent.map((hit) => hit.id));
  const hits = searching ? found.hits : found.hits.filter((hit) => !recentIds.has(hit.id)).slice(0, 4);
  const rows = (searching ? 0 : recent.length) + actions.length + hits.length;
  const shown = `${typed}|${actions.length}|${hits.map((hit) => hit.id).join()}`;

  const row = (hit: SearchHit) => (
    <Hit
      key={`${hit.object}/${hit.id}`}
      hit={hit}
      onChoose={() => {
        setRecent(withChosen(recent, hit));
        choose(hit);
      }}
    />
  );
  const doing =
    actions.length > 0 ? (
      <Spotlight.ActionsGroup label="Do">
        {actions.map((action) => (
          <Spotlight.Action
            key={action.label}
            label={action.label}
            leftSection={<action.icon size={18} aria-hidden />}
            onClick={() => act(action.does)}
          />
        ))}
      </Spotlight.ActionsGroup>
    ) : null;
  return (
    <Spotlight.Root
      store={store}
      query={typed}
      onQueryChange={setTyped}
      shortcut={null}
      title="Search everything"
      classNames={{ header: "visually-hidden" }}
    >
      <Spotlight.Search
        placeholder="Search jobs, data sets, models, keys, or what to do"
        aria-label="Search everything"
        leftSection={found.waiting ? <Loader size={16} color="gray" /> : <IconSearch size={18} aria-hidden />}
        maxLength={200}
      />
      <Spotlight.ActionsList mah="min(440px, 55dvh)">
        {!searching && recent.length > 0 ? (
          <Spotlight.ActionsGroup label="Chosen lately">{recent.map(row)}</Spotlight.ActionsGroup>
        ) : null}
        {searching ? doing : null}
        {hits.length > 0 ? (
          <Spotlight.ActionsGroup label={searching ? "Found" : "Newest"}>{hits.map(row)}</Spotlight.ActionsGroup>
        ) : null}
        {searching ? null : doing}
        {rows === 0 && !found.waiting ? (
          <Spotlight.Empty>
            {found.error
              ? `The search could not be made. ${messageOf(found.error)}`
              : `Nothing here has “${typed.trim()}” in its name or id.`}
          </Spotlight.Empty>
        ) : null}
      </Spotlight.ActionsList>
      <Spotlight.Footer className={classes.footer}>
        <Text size="xs" c="dimmed">
          <Kbd size="xs">↑</Kbd> <Kbd size="xs">↓</Kbd> choose, <Kbd size="xs">Enter</Kbd> open,{" "}
          <Kbd size="xs">Esc</Kbd> close
        </Text>
        <Chosen rows={shown} />
      </Spotlight.Footer>
    </Spotlight.Root>
  );
}

function Hit(props: { hit: SearchHit; onChoose: () => void }) {
  const { hit } = props;
  const { icon: ObjectIcon } = lookOf(hit);
  return (
    <Spotlight.Action
      label={hit.title}
      description={hit.subtitle}
      leftSection={<ObjectIcon size={18} aria-hidden />}
      rightSection={<span className={classes.noun}>{deedWords(hit)}</span>}
      onClick={props.onChoose}
    />
  );
}

/**
 * Keeps the first row chosen whenever there are others, so that Enter opens the best; and says which one is chosen to who
 * cannot see it, since the focus stays where one types. Mantine marks the chosen row in the document and tells nobody.
 */
function Chosen(props: { rows: string }) {
  const place = useRef<HTMLSpanElement>(null);
  const [words, setWords] = useState("");
  // biome-ignore lint/correctness/useExhaustiveDependencies: it is the rows themselves that make it choose again
  useEffect(() => {
    const dialog = place.current?.closest('[role="dialog"]');
    dialog?.querySelector("[data-selected]")?.removeAttribute("data-selected");
    const first = dialog?.querySelector("[data-action]");
    first?.setAttribute("data-selected", "true");
    store.updateState((state) => ({ ...state, selected: first ? 0 : -1 }));
  }, [props.rows]);
  useEffect(() => {
    const dialog = place.current?.closest('[role="dialog"]');
    if (!dialog) return;
    const listen = new MutationObserver(() => {
      const rows = [...dialog.querySelectorAll("[data-action]")];
      const at = rows.findIndex((row) => row.hasAttribute("data-selected"));
      setWords(at < 0 ? "" : `${rows[at]?.textContent}, ${at + 1} of ${rows.length}`);
    });
    listen.observe(dialog, { subtree: true, attributeFilter: ["data-selected"] });
    return () => listen.disconnect();
  }, []);
  return (
    <span ref={place} role="status" className="visually-hidden">
      {words}
    </span>
  );
}

function useFound(typed: string, opened: boolean): { hits: readonly SearchHit[]; waiting: boolean; error: unknown } {
  const [q] = useDebouncedValue(typed.trim(), TYPING_MS);
  const query = useQuery({
    queryKey: ["search", q],
    queryFn: ({ signal }) => body(api.GET("/v1/search", { params: { query: { q, limit: HITS } }, signal })),
    enabled: opened,
    placeholderData: keepPreviousData,
    staleTime: 5_000,
  });
  const waiting = q !== typed.trim() || query.isFetching;
  const hits = query.data?.data ?? NO_HITS;
  // Until the answer is there the last one stands, without what no longer fits: Enter must not open that.
  const fit = waiting ? hits.filter((hit) => fits(hit, typed)) : hits;
  return { hits: fit, waiting, error: query.error };
}

function useDoing(): (doing: Doing) => void {
  const navigate = useNavigate();
  const { setColorScheme } = useMantineColorScheme();
  const leave = useSignOut();
  return (doing) => {
    if (doing.what === "go") void navigate(doing.path);
    else if (doing.what === "scheme") setColorScheme(doing.scheme);
    else leave.mutate();
  };
}

function useChoosing(): (hit: SearchHit) => void {
  const navigate = useNavigate();
  const cache = useQueryClient();
  const clipboard = useClipboard();
  return (hit) => {
    const deed = deedOf(hit);
    if (deed.what === "go") {
      void navigate(deed.path);
    } else if (deed.what === "project") {
      void chooseProject(cache, deed.slug);
    } else {
      clipboard.copy(deed.text);
      notifications.show({ message: `Copied ${deed.text}`, autoClose: 3_000 });
    }
  };
}
