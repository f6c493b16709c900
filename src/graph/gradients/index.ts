export { type GradientOptions, gradients } from "./gradients.js";
export { recompute } from "./recompute.js";
