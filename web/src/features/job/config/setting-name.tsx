import { Fragment } from "react";

/** A setting by the name that the server knows; on a narrow page it breaks behind an underscore. */
export function SettingName(props: { name: string }) {
  const parts = props.name.split("_");
  return parts.map((part, i) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: parts of one word
    <Fragment key={i}>
      {part}
      {i < parts.length - 1 ? (
        <>
          _<wbr />
        </>
      ) : null}
    </Fragment>
  ));
}
