import { Text } from "@mantine/core";
import type { FileRecord } from "@/api/generated";
import { counted } from "@/lib/format";
import { callText } from "@/lib/long-text";
import classes from "@/ui/previews/chat.module.css";
import { LongText } from "@/ui/previews/long-text";

type Message = NonNullable<FileRecord["messages"]>[number];

const NAMES: Record<string, string> = {
  system: "System",
  developer: "System",
  user: "User",
  assistant: "Answer",
  tool: "Tool's result",
};

/** A conversation as bubbles; what the model learns to write is teal. */
export function Chat(props: { record: FileRecord }) {
  const { messages, tools, kind } = props.record;
  return (
    <div className={classes.messages}>
      {tools?.length ? (
        <Text size="xs" c="dimmed">
          {counted(tools.length, "tool")} offered: {tools.map(toolName).join(", ")}
        </Text>
      ) : null}
      {messages?.map((message, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the messages of a record never change
        <Bubble key={i} message={message} name={kind === "completion" ? plainName(message) : undefined} />
      ))}
    </div>
  );
}

/** The prompt of a preference, and its two answers side by side. */
export function Preference(props: { record: FileRecord }) {
  const { preferred, rejected } = props.record;
  return (
    <div className={classes.messages}>
      <Chat record={props.record} />
      <div className={classes.answers}>
        {preferred ? <Bubble message={preferred} name="Preferred answer" /> : null}
        {rejected ? <Bubble message={rejected} name="Rejected answer" rejected /> : null}
      </div>
    </div>
  );
}

function Bubble(props: { message: Message; name?: string; rejected?: boolean }) {
  const { message } = props;
  const side = { user: classes.user, assistant: classes.assistant }[message.role] ?? classes.quiet;
  const mark = props.rejected ? classes.rejected : message.trained ? classes.trained : "";
  return (
    <div className={`${classes.message} ${side} ${mark}`}>
      <span className={classes.role}>
        {props.name ?? NAMES[message.role] ?? message.role}
        {message.trained && !props.rejected ? " · learned" : ""}
      </span>
      <LongText text={message.content} />
      {message.tool_calls?.map((call, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the calls of a message never change
        <code key={i} className={classes.call}>
          {callText(call)}
        </code>
      ))}
    </div>
  );
}

function plainName(message: Message): string {
  return message.role === "user" ? "Prompt" : "Completion";
}

function toolName(tool: Record<string, unknown>): string {
  const inner = tool.function as { name?: unknown } | undefined;
  return typeof inner?.name === "string" ? inner.name : "unnamed";
}
