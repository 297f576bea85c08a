import { Tabs } from "@mantine/core";
import { Navigate, useNavigate, useParams } from "react-router";
import { AccountTab } from "@/features/settings/account/account-tab";
import { CatalogueTab } from "@/features/settings/catalogue/catalogue-tab";
import { KeysTab } from "@/features/settings/keys/keys-tab";
import { ServerTab } from "@/features/settings/server/server-tab";
import { Page } from "@/ui/page";

const TABS = [
  { value: "keys", label: "Keys", content: KeysTab },
  { value: "account", label: "Account", content: AccountTab },
  { value: "catalogue", label: "Catalogue", content: CatalogueTab },
  { value: "server", label: "Server", content: ServerTab },
];

/** Keys, who you are, which base models there are, and what runs here; a tab an address. */
export function SettingsPage() {
  const { tab = "keys" } = useParams();
  const navigate = useNavigate();
  if (!TABS.some(({ value }) => value === tab)) return <Navigate to="/settings/keys" replace />;
  return (
    <Page title="Settings" lead="Keys for programs, your account and projects, the base models, and this installation.">
      <Tabs value={tab} onChange={(value) => void navigate(`/settings/${value}`)} keepMounted={false}>
        <Tabs.List mb="lg">
          {TABS.map(({ value, label }) => (
            <Tabs.Tab key={value} value={value} px={{ base: "xs", sm: "md" }}>
              {label}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        {TABS.map(({ value, content: Content }) => (
          <Tabs.Panel key={value} value={value}>
            <Content />
          </Tabs.Panel>
        ))}
      </Tabs>
    </Page>
  );
}
