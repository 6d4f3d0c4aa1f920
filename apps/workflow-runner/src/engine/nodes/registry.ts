import type { NodeType } from '../node.ts';
import { conditional } from './conditional.ts';
import { debug } from './debug.ts';
import { mqttMessage } from './mqtt-message.ts';
import { mutate } from './mutate.ts';
import { rawFunction } from './raw-function.ts';
import { throwError } from './throw-error.ts';

const all = [conditional, debug, mqttMessage, mutate, rawFunction, throwError] as const;

/** Every node type that runs, one line each. Any other is stored, shown, and fails the run that reaches it by its name. */
export const nodeTypes: ReadonlyMap<string, NodeType> = new Map(all.map((nodeType) => [nodeType.type, nodeType as NodeType]));
