import { Dices } from "lucide-react";
import { ButtonLink } from "../components/button.js";
import { NewFaceForm } from "../components/new-face-form.js";
import { Page } from "../components/page.js";
import { go, hrefOf } from "../state/route.js";

export function NewFaceView() {
  return (
    <Page
      title="A new face"
      lead="From one photo, or several of the same person."
      actions={
        <ButtonLink icon={Dices} href={hrefOf({ view: "nobody" })}>
          One that nobody has
        </ButtonLink>
      }
    >
      <NewFaceForm onKept={() => go({ view: "create" })} />
    </Page>
  );
}
