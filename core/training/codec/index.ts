/** The codecs of a spanning training. Format and spec: `format.ts`. */
export { encodeWithFeedback, type Feedback } from "./feedback.ts";
export {
  CODECS,
  CODED_COUNT_MAX,
  type Codec,
  type CodedHeader,
  checkLength,
  codedBytes,
  decode,
  encode,
  firstUncodable,
  HEADER_BYTES,
  isCodec,
  readFields,
  readHeader,
} from "./format.ts";
export { isTopK } from "./top-k.ts";
export {
  type ByteRange,
  decodeWindow,
  WINDOW_STEP,
  windowMessage,
  windowRanges,
} from "./window.ts";
