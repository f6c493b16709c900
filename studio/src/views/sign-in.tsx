import { KeyRound } from "lucide-react";
import { useState } from "react";
import { client } from "../api/client.js";
import { Button } from "../components/button.js";
import { TextField } from "../components/field.js";
import { ErrorNotice } from "../components/notice.js";
import { Page } from "../components/page.js";
import { useAction } from "../hooks/use-action.js";
import styles from "./sign-in.module.css";

/** Asks for the API key that the server demands. */
export function SignInView({ onSignedIn }: { onSignedIn: () => void }) {
  const [key, setKey] = useState("");
  const { run, isRunning, error } = useAction(async () => {
    await client.signIn(key.trim());
    onSignedIn();
  });
  return (
    <Page
      title="Sign in"
      lead="This server takes requests from those who have a key. Whoever runs it can make one for you."
    >
      <form
        className={styles.form}
        onSubmit={(event) => {
          event.preventDefault();
          run();
        }}
      >
        <TextField
          label="API key"
          hint="The browser forgets it after 12 hours, or when you sign out."
          type="password"
          autoComplete="current-password"
          required
          value={key}
          onChange={setKey}
        />
        <ErrorNotice error={error} />
        <Button kind="primary" type="submit" icon={KeyRound} isBusy={isRunning}>
          Sign in
        </Button>
      </form>
    </Page>
  );
}
