import type { NodeType } from '../node.ts';
import { azureEventHubPublish } from './azure-event-hub-publish.ts';
import { conditional } from './conditional.ts';
import { debug } from './debug.ts';
import { delay } from './delay.ts';
import { getValue } from './get-value.ts';
import { googlePublish } from './google-publish.ts';
import { http } from './http.ts';
import { jsonDecode } from './json-decode.ts';
import { jsonEncode } from './json-encode.ts';
import { loop } from './loop.ts';
import { loopCap } from './loop-cap.ts';
import { math } from './math.ts';
import { mqttMessage } from './mqtt-message.ts';
import { mutate } from './mutate.ts';
import { particleCall } from './particle-call.ts';
import { rawFunction } from './raw-function.ts';
import { sqsSend } from './sqs-send.ts';
import { storeValue } from './store-value.ts';
import { switchNode } from './switch.ts';
import { throttle } from './throttle.ts';
import { throwError } from './throw-error.ts';
import { validatePayload } from './validate-payload.ts';
import { websocketMessage } from './websocket-message.ts';

const all = [
  azureEventHubPublish,
  conditional,
  debug,
  delay,
  getValue,
  googlePublish,
  http,
  jsonDecode,
  jsonEncode,
  loop,
  loopCap,
  math,
  mqttMessage,
  mutate,
  particleCall,
  rawFunction,
  sqsSend,
  storeValue,
  switchNode,
  throttle,
  throwError,
  validatePayload,
  websocketMessage,
] as const;

/** Every node type that runs, one line each. Any other is stored, shown, and fails the run that reaches it by its name. */
export const nodeTypes: ReadonlyMap<string, NodeType> = new Map(all.map((nodeType) => [nodeType.type, nodeType as NodeType]));
