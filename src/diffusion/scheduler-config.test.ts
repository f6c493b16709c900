import { describe, expect, it } from "vitest";
import { CheckpointError } from "../errors.js";
import { parseSchedulerConfig, stableDiffusion15 } from "./scheduler-config.js";

/** The file of stable-diffusion-v1-5. */
const official = {
  _class_name: "PNDMScheduler",
  _diffusers_version: "0.6.0",
  beta_end: 0.012,
  beta_schedule: "scaled_linear",
  beta_start: 0.00085,
  num_train_timesteps: 1000,
  set_alpha_to_one: false,
  skip_prk_steps: true,
  steps_offset: 1,
  trained_betas: null,
  clip_sample: false,
};
const parse = (change: Record<string, unknown>) => parseSchedulerConfig(JSON.stringify({ ...official, ...change }));

describe("parseSchedulerConfig", () => {
  it("reads the official file as the built-in default", () => {
    // toEqual treats the options that are undefined as absent.
    expect(parse({})).toEqual(stableDiffusion15);
  });

  it("reads every option of a solver", () => {
    const { noise, sampler } = parse({
      prediction_type: "v_prediction",
      rescale_betas_zero_snr: true,
      trained_betas: [0.1, 0.2],
      num_train_timesteps: 2,
      timestep_spacing: "trailing",
      solver_order: 3,
      solver_type: "heun",
      lower_order_final: false,
      euler_at_final: true,
      use_karras_sigmas: true,
      final_sigmas_type: "sigma_min",
      original_inference_steps: 40,
      timestep_scaling: 2.5,
      algorithm_type: "dpmsolver++",
    });
    expect(noise).toMatchObject({ predictionType: "v_prediction", zeroTerminalSnr: true, trainedBetas: [0.1, 0.2] });
    expect(sampler).toEqual({
      timestepSpacing: "trailing",
      stepsOffset: 1,
      setAlphaToOne: false,
      order: 3,
      solverType: "heun",
      lowerOrderFinal: false,
      eulerAtFinal: true,
      karrasSigmas: true,
      finalSigma: "sigma_min",
      originalSteps: 40,
      timestepScaling: 2.5,
    });
  });

  it("reads the -Infinity that Python writes", () => {
    const text = JSON.stringify(official).replace("{", '{"lambda_min_clipped": -Infinity, "use_beta_sigmas": false,');
    expect(parseSchedulerConfig(text)).toEqual(stableDiffusion15);
  });

  it.each([
    [{ clip_sample: true }, /clip_sample is true/],
    [{ thresholding: true }, /thresholding is true/],
    [{ use_beta_sigmas: true }, /use_beta_sigmas is true/],
    [{ lambda_min_clipped: -5.1 }, /lambda_min_clipped is -5\.1/],
    [{ new_noise_trick: "on" }, /new_noise_trick is "on"/],
    [{ algorithm_type: "sde-dpmsolver++" }, /algorithm_type/],
    [{ beta_schedule: "sigmoid" }, /beta_schedule/],
    [{ beta_schedule: undefined }, /beta_schedule/],
    [{ beta_start: "0.1" }, /beta_start/],
    [{ prediction_type: "flow_prediction" }, /prediction_type/],
    [{ timestep_spacing: "uniform" }, /timestep_spacing/],
    [{ solver_order: 4 }, /solver_order/],
    [{ num_train_timesteps: 0 }, /num_train_timesteps/],
    [{ beta_end: 1.5 }, /scheduler_config.json: noise schedule: beta \d+ is 1\.0/],
    [{ trained_betas: [0.1, 0.2] }, /2 trained betas for 1000/],
    [{ variance_type: "learned_range" }, /variance_type/],
    [{ steps_offset: -1 }, /steps_offset/],
  ])("refuses %o by name", (change, message) => {
    expect(() => parse(change)).toThrow(CheckpointError);
    expect(() => parse(change)).toThrow(message);
  });

  it.each(["", "{", "[]", "null", "3"])("refuses the text %j", (text) => {
    expect(() => parseSchedulerConfig(text)).toThrow(CheckpointError);
  });
});
