import { ButtonLink } from "../components/button.js";
import { Page } from "../components/page.js";
import { hrefOf } from "../state/route.js";

export function MissingView() {
  return (
    <Page title="Nothing here" lead="This address leads nowhere, or what it led to was deleted.">
      <p>
        <ButtonLink kind="primary" href={hrefOf({ view: "create" })}>
          Back to the studio
        </ButtonLink>
      </p>
    </Page>
  );
}
