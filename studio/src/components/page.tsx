import { type ReactNode, useEffect, useRef } from "react";
import styles from "./page.module.css";

/** The first page that is shown leaves the focus where browsers put it. */
let isFirst = true;

/**
 * A view: its title, in the window's title too, where the focus goes when the view opens, so that screen readers read it.
 * @param lead one or two sentences under the title
 * @param actions beside the title
 * @param isTitleQuiet the title is only for screen readers: the view speaks for itself
 */
export function Page(props: {
  title: string;
  lead?: ReactNode;
  actions?: ReactNode;
  isTitleQuiet?: boolean;
  children: ReactNode;
}) {
  const { title, lead, actions, isTitleQuiet, children } = props;
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · arc2face studio`;
  }, [title]);
  useEffect(() => {
    if (!isFirst) {
      scrollTo(0, 0);
      heading.current?.focus({ preventScroll: true });
    }
    isFirst = false;
  }, []);
  return (
    <div className={styles.page}>
      <header className={isTitleQuiet ? "visually-hidden" : styles.header}>
        <div>
          <h1 ref={heading} tabIndex={-1}>
            {title}
          </h1>
          {lead && <p className={styles.lead}>{lead}</p>}
        </div>
        {actions && <div className={styles.actions}>{actions}</div>}
      </header>
      {children}
    </div>
  );
}
