import { History, LogOut, type LucideIcon, Moon, ScanFace, Sparkles, Sun, SunMoon, UsersRound } from "lucide-react";
import { type ReactNode, useRef } from "react";
import type { Info } from "../../../src/server/api/types.js";
import { useTheme } from "../hooks/use-theme.js";
import { hrefOf, type Route } from "../state/route.js";
import { Button } from "./button.js";
import styles from "./shell.module.css";

interface Tab {
  readonly label: string;
  readonly icon: LucideIcon;
  readonly route: Route;
  /** Views that belong to it. */
  readonly views: readonly Route["view"][];
}

const tabs: readonly Tab[] = [
  { label: "Create", icon: Sparkles, route: { view: "create" }, views: ["create"] },
  { label: "Faces", icon: UsersRound, route: { view: "identities" }, views: ["identities", "new", "nobody"] },
  { label: "History", icon: History, route: { view: "history" }, views: ["history", "generation", "image"] },
  { label: "Models", icon: ScanFace, route: { view: "models" }, views: ["models"] },
];

/** What frames every view: the way around, and the choice of light and dark. */
export function Shell(props: { route: Route; info: Info | undefined; onSignOut: () => void; children: ReactNode }) {
  const { route, info, onSignOut, children } = props;
  const main = useRef<HTMLElement>(null);
  return (
    <div className={styles.shell}>
      <button type="button" className={styles.skip} onClick={() => main.current?.focus()}>
        Skip to the content
      </button>
      <header className={styles.header}>
        <a className={styles.brand} href={hrefOf({ view: "create" })}>
          <img src="/favicon.svg" alt="" width={28} height={28} />
          <span>arc2face</span>
        </a>
        <nav className={styles.tabs} aria-label="Studio">
          {tabs.map(({ label, icon: Icon, route: target, views }) => (
            <a key={label} href={hrefOf(target)} aria-current={views.includes(route.view) ? "page" : undefined}>
              <Icon size={20} aria-hidden />
              <span>{label}</span>
            </a>
          ))}
        </nav>
        <div className={styles.tools}>
          {info?.authentication.isRequired && info.authentication.isSignedIn && (
            <Button kind="quiet" icon={LogOut} iconOnly onClick={onSignOut}>
              Sign out
            </Button>
          )}
          <ThemeSwitch />
        </div>
      </header>
      <main ref={main} className={styles.main} tabIndex={-1}>
        {children}
      </main>
      <footer className={styles.footer}>
        Every image made here is synthetic; its file says so, and how it was made.
        {info && <span> arc2face {info.version}</span>}
      </footer>
    </div>
  );
}

const looks = {
  system: { icon: SunMoon, label: "As the system", next: "light" },
  light: { icon: Sun, label: "Light", next: "dark" },
  dark: { icon: Moon, label: "Dark", next: "system" },
} as const;

function ThemeSwitch() {
  const [theme, setTheme] = useTheme();
  const { icon, label, next } = looks[theme];
  return (
    <Button kind="quiet" icon={icon} iconOnly onClick={() => setTheme(next)}>
      {`Colours: ${label}. Change to: ${looks[next].label}`}
    </Button>
  );
}
