/** The codecs of a spanning training. Format and spec: `format.ts`. */
export { encodeWithFeedback, type Feedback } from "./feedback.ts";
export {
  CODECS,
  CODED_COUNT_MAX,
  type Codec,
  type CodedHeader,
  codedBytes,
  decode,
  encode,
  firstUncodable,
  HEADER_BYTES,
  isCodec,
  readHeader,
} from "./format.ts";
