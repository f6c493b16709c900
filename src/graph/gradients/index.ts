export { type GradientOptions, gradients } from "./gradients.js";
export { recompute } from "./recompute.js";
export { differentiableOrder, stopGradient } from "./stop-gradient.js";
