export { version } from "../server/version.js";
