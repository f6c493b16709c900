import type { SamplerName } from "../diffusion/samplers.js";
import type { Sampler } from "./api/models.js";

/** What people should know of each sampler, the most useful first. */
const texts: Readonly<Record<SamplerName, Omit<Sampler, "name">>> = {
  "dpm++": {
    title: "DPM-Solver++",
    explanation: "The usual choice: good images in few steps, and more steps change little.",
    steps: 25,
    isRandom: false,
  },
  euler: {
    title: "Euler",
    explanation: "Simple and predictable; needs some more steps than DPM-Solver++.",
    steps: 30,
    isRandom: false,
  },
  "euler-a": {
    title: "Euler, ancestral",
    explanation: "Draws fresh noise at every step: lively, and another number of steps gives another image.",
    steps: 30,
    isRandom: true,
  },
  ddim: {
    title: "DDIM",
    explanation: "The classic without randomness; smooth images from 50 steps on.",
    steps: 50,
    isRandom: false,
  },
  ddpm: {
    title: "DDPM",
    explanation: "The original random walk; many steps, and most variety.",
    steps: 100,
    isRandom: true,
  },
  lcm: {
    title: "LCM",
    explanation: "Four steps, for models that were made for it; others give blurred images.",
    steps: 4,
    isRandom: true,
  },
};

export const samplerList: readonly Sampler[] = Object.entries(texts).map(([name, text]) => ({
  name: name as SamplerName,
  ...text,
}));
