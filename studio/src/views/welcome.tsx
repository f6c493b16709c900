import { Dices } from "lucide-react";
import { ButtonLink } from "../components/button.js";
import { NewFaceForm } from "../components/new-face-form.js";
import { Page } from "../components/page.js";
import { hrefOf } from "../state/route.js";
import styles from "./welcome.module.css";

const steps = [
  ["Choose a face", "Your own, that of someone who agreed, or one that nobody has."],
  ["Make images", "They show the same person in other light, other moods, other places."],
  ["See how alike they are", "A face recogniser compares every image with the original."],
] as const;

/** The first page while there is no face: what this is, and the first step. */
export function WelcomeView() {
  return (
    <Page
      title="One face, many images"
      lead="Everything happens on this server. No photo and no image goes anywhere else."
    >
      <div className={styles.columns}>
        <ol className={styles.steps}>
          {steps.map(([title, text]) => (
            <li key={title}>
              <h2>{title}</h2>
              <p>{text}</p>
            </li>
          ))}
        </ol>
        <div className={styles.start}>
          {/* A face that is kept makes this view give way to the one for images. */}
          <NewFaceForm onKept={() => {}} />
          <p className={styles.other}>
            <span>No photo at hand?</span>
            <ButtonLink icon={Dices} href={hrefOf({ view: "nobody" })}>
              Start with a face that nobody has
            </ButtonLink>
          </p>
        </div>
      </div>
    </Page>
  );
}
