import { Badge, Button, Group, Stack } from "@mantine/core";
import { IconLogout } from "@tabler/icons-react";
import { useSession } from "@/app/session";
import { useSignOut } from "@/app/sign-out";
import { LinkMaker } from "@/features/settings/account/link-maker";
import { Projects } from "@/features/settings/account/projects";
import { Facts } from "@/features/settings/facts";
import { rightsWords } from "@/features/settings/keys/key-words";
import { Section } from "@/features/settings/section";
import { Ago } from "@/ui/ago";
import { CopyText } from "@/ui/copy-text";

/** Who is signed in, the ways to sign in elsewhere or to invite others, and the projects. */
export function AccountTab() {
  const session = useSession();
  const leave = useSignOut();
  const admin = session.role === "admin";
  const links = !session.scopes || session.scopes.includes("manage");
  return (
    <Stack gap="lg" maw={960}>
      <Section
        title="You"
        action={
          <Button
            variant="default"
            leftSection={<IconLogout size={16} aria-hidden />}
            onClick={() => leave.mutate()}
            loading={leave.isPending}
          >
            Sign out
          </Button>
        }
      >
        <Facts
          facts={[
            ["Name", session.user],
            [
              "Role",
              <Group key="role" gap="xs">
                <Badge color={admin ? "teal" : "gray"} variant="light" tt="none">
                  {admin ? "Admin" : "Member"}
                </Badge>
                {admin ? "sees and changes everything" : "acts in the projects below"}
              </Group>,
            ],
            ["Rights", session.scopes ? rightsWords({ scopes: session.scopes, kind: "user" }) : null],
            [
              "Project",
              <Group key="project" gap="xs">
                {session.sees_all ? `All; what you make belongs to ${session.project.name}` : session.project.name}
                <CopyText text={session.project.id} what="the project's id" />
              </Group>,
            ],
            ["Signed in", <Ago key="since" at={session.signed_in_at} />],
            [
              "Signed out",
              session.expires_at ? (
                <span key="until">
                  <Ago at={session.expires_at} />, if you do not come back before
                </span>
              ) : null,
            ],
          ]}
        />
      </Section>
      {links ? (
        <LinkMaker
          title="Sign in on another browser"
          lead="A link that signs one browser in as you, once. Open it on your phone or another machine."
          action="Make a link"
        />
      ) : null}
      {admin && !session.scopes ? (
        <LinkMaker
          title="Invite a person"
          lead="Send them the link. A new name gets an account and a project of that name; a known one is signed in again."
          action="Make an invitation"
          forOthers
        />
      ) : null}
      <Projects />
    </Stack>
  );
}
