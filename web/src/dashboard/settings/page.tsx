// A page of cards.
import { SettingsDocument } from "../generated/admin";
import { Loading, PageHead } from "../ui";
import { useQuery } from "../use_query";
import { SettingsCard } from "./card";
import type { CardSpec } from "./cards";

export function SettingsPage({ title, cards }: { title: string; cards: CardSpec[] }) {
  const settings = useQuery(SettingsDocument, {});
  return (
    <>
      <PageHead
        title={title}
        about="A change is in force at once here, and within two seconds in other processes."
      />
      <Loading of={settings} what="settings">
        {({ settings: { all, version } }) => {
          const byName = new Map(all.map((setting) => [setting.name, setting]));
          return (
            <div className="cards">
              {cards.map((card) => (
                <SettingsCard
                  key={card.title}
                  card={card}
                  settings={byName}
                  version={version}
                  reload={settings.reload}
                />
              ))}
            </div>
          );
        }}
      </Loading>
    </>
  );
}
