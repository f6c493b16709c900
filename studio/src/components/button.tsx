import type { LucideIcon } from "lucide-react";
import type { ComponentProps, ReactNode } from "react";
import styles from "./button.module.css";

interface Look {
  /** `primary` for the one thing that a view is for; `danger` for what cannot be undone. */
  readonly kind?: "primary" | "plain" | "quiet" | "danger";
  readonly icon?: LucideIcon;
  /** Only the icon is seen; the children are its name. */
  readonly iconOnly?: boolean;
  readonly isBusy?: boolean;
  readonly children: ReactNode;
}

function classOf({ kind = "plain", iconOnly }: Pick<Look, "kind" | "iconOnly">): string {
  return `${styles.button} ${styles[kind]} ${iconOnly ? styles.iconOnly : ""}`;
}

function Content({ icon: Icon, iconOnly, isBusy, children }: Look): ReactNode {
  return (
    <>
      {isBusy ? <span className={styles.spinner} aria-hidden /> : Icon && <Icon size={18} aria-hidden />}
      {iconOnly ? <span className="visually-hidden">{children}</span> : <span>{children}</span>}
    </>
  );
}

export function Button({ kind, icon, iconOnly, isBusy, children, ...props }: Look & ComponentProps<"button">) {
  const look = { kind, icon, iconOnly, isBusy, children } as Look;
  const title = iconOnly && typeof children === "string" ? children : undefined;
  return (
    <button type="button" title={title} aria-busy={isBusy} {...props} className={classOf(look)}>
      <Content {...look} />
    </button>
  );
}

/** A link that looks like a button: it goes somewhere or saves a file. */
export function ButtonLink({ kind, icon, iconOnly, children, ...props }: Look & ComponentProps<"a">) {
  const look = { kind, icon, iconOnly, children } as Look;
  const title = iconOnly && typeof children === "string" ? children : undefined;
  return (
    <a title={title} {...props} className={classOf(look)}>
      <Content {...look} />
    </a>
  );
}
