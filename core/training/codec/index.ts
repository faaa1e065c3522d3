/** The codecs of a spanning training. Format and spec: `format.ts`. */
export { encodeWithFeedback, type Feedback } from "./feedback.ts";
export {
  CODECS,
  type Codec,
  CODED_COUNT_MAX,
  type CodedHeader,
  codedBytes,
  decode,
  encode,
  firstUncodable,
  HEADER_BYTES,
  isCodec,
  readHeader,
} from "./format.ts";
