import { type Arc2FaceError, CheckpointError, DeviceError, InputError, ShapeError } from "../errors.js";

/**
 * Gives a failure inside ONNX Runtime the class that says whose fault it is. Its message, which names the node, is
 * kept; the node's operator and name come first.
 */
export function ortError(message: string, stage: "load" | "run"): Arc2FaceError {
  const text = `${describeNode(message)}${shorten(message)}`;
  if (/failed to allocate|bad_alloc|out of memory/i.test(message)) {
    return new DeviceError(`Not enough memory: ${text}. Use a smaller batch or image, or a device with more memory.`);
  }
  if (/NOT_IMPLEMENTED|Could not find an implementation|cuda failure|cudnn|cublas|hipblas|webgpu/i.test(message)) {
    return new DeviceError(`The device cannot run this graph: ${text}. Use device "cpu".`);
  }
  if (/dimension|shape|broadcast|rank|axis/i.test(message)) return new ShapeError(text);
  if (stage === "load") return new CheckpointError(`The graph cannot be loaded: ${text}`);
  return new InputError(`The graph cannot be computed with these inputs: ${text}`);
}

function describeNode(message: string): string {
  const match =
    /running (?<op>\w+) node\. Name:'(?<name>[^']*)'/.exec(message) ??
    /Node \((?<name>[^)]*)\) Op \((?<op>\w+)\)/.exec(message) ??
    /Node, \("(?<name>[^"]*)", (?<op>\w+)/.exec(message);
  return match?.groups ? `${match.groups.op} "${match.groups.name}": ` : "";
}

/** Drops the place in the source and the C++ signature that ONNX Runtime puts before the reason. */
function shorten(message: string): string {
  const reason = /Status Message: (?<text>[\s\S]*)/.exec(message)?.groups?.text ?? message;
  const text = reason.replace(/^\S+\.(?:cc|h):\d+ .*?\)(?: const)?(?:::<lambda\(.*?\)>)? (?=\S)/s, "");
  return text.trim().replace(/\s+/g, " ").replace(/\.$/, "");
}
