/** A process of its own that trains; the test kills it. Arguments: the folder of the data, and of the run. */
import { trainBase } from "../../src/train/methods.js";
import { tinyAutoencoder, tinyRecipe } from "./training.js";

const [data = "", out = ""] = process.argv.slice(2);
const recipe = tinyRecipe(4, {
  steps: 20,
  checkpoints: { every: 5 },
  mirror: false,
  embeddingNoise: 0.1,
  identityDropout: 0.2,
});
await trainBase(recipe, "encoder", await tinyAutoencoder(), { data: [data], out, resume: false, version: "test" });
