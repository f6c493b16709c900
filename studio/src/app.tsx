import { useCallback } from "react";
import type { Info } from "../../src/server/api/types.js";
import { client } from "./api/client.js";
import { Button } from "./components/button.js";
import { DropHint } from "./components/drop-hint.js";
import { ErrorNotice } from "./components/notice.js";
import { Shell } from "./components/shell.js";
import { DroppedPhotoContext, useDroppedPhoto } from "./hooks/use-dropped-photo.js";
import { useResource } from "./hooks/use-resource.js";
import { useRoute } from "./hooks/use-route.js";
import { StudioContext, useStudioState } from "./hooks/use-studio.js";
import { go, type Route } from "./state/route.js";
import { CreateView } from "./views/create.js";
import { GenerationView } from "./views/generation.js";
import { HistoryView } from "./views/history.js";
import { IdentitiesView } from "./views/identities.js";
import { ImageView } from "./views/image.js";
import { MissingView } from "./views/missing.js";
import { ModelsView } from "./views/models.js";
import { NewFaceView } from "./views/new-face.js";
import { NobodyView } from "./views/nobody.js";
import { SignInView } from "./views/sign-in.js";

export function App() {
  const route = useRoute();
  const { value: info, error, reload } = useResource(client.info);
  const needsKey = info?.authentication.isRequired && !info.authentication.isSignedIn;
  return (
    <Shell route={route} info={info} onSignOut={useCallback(() => client.signOut().then(reload), [reload])}>
      {!info && <Waiting error={error} onRetry={reload} />}
      {info && needsKey && <SignInView onSignedIn={reload} />}
      {info && !needsKey && <Studio info={info} route={route} />}
    </Shell>
  );
}

function Studio({ info, route }: { info: Info; route: Route }) {
  const { studio, error, reload } = useStudioState(info);
  const isFirstUse = studio?.identities.length === 0;
  const takesPhotos = route.view === "new" || (route.view === "create" && isFirstUse);
  const dropped = useDroppedPhoto(
    useCallback(() => {
      if (!takesPhotos) go({ view: "new" });
    }, [takesPhotos]),
  );
  if (!studio) return <Waiting error={error} onRetry={reload} />;
  return (
    <StudioContext value={studio}>
      <DroppedPhotoContext value={dropped}>
        <ErrorNotice error={error} />
        {dropped.isOver && !takesPhotos && <DropHint />}
        <View route={route} />
      </DroppedPhotoContext>
    </StudioContext>
  );
}

function View({ route }: { route: Route }) {
  switch (route.view) {
    case "create":
      return <CreateView />;
    case "new":
      return <NewFaceView />;
    case "nobody":
      return <NobodyView />;
    case "identities":
      return <IdentitiesView />;
    case "history":
      return <HistoryView />;
    case "models":
      return <ModelsView />;
    case "generation":
      return <GenerationView key={route.id} id={route.id} again={route.again} />;
    case "image":
      return <ImageView key={route.id} id={route.id} seed={route.seed} />;
    case "missing":
      return <MissingView />;
  }
}

function Waiting({ error, onRetry }: { error: unknown; onRetry: () => void }) {
  if (error === undefined) return <p role="status">Opening the studio…</p>;
  return (
    <ErrorNotice error={error}>
      <Button onClick={onRetry}>Try again</Button>
    </ErrorNotice>
  );
}
