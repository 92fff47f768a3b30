/** Client of rosim, the text similarity server. Start with Client. */
export { Client } from "./client.js";
export type { LabelledPair, Pair, Scored, StreamOptions } from "./client.js";
export type * from "./answers.js";
export type { ClientOptions } from "./transport.js";
export type { Progress } from "./progress.js";
export {
  ApiError,
  ConnectionFailed,
  DeadlineExceeded,
  InvalidAnswer,
  InvalidRequest,
  NotAllowed,
  NotFound,
  Overloaded,
  RosimError,
  ServerFault,
} from "./errors.js";
