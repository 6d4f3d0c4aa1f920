import { z } from 'zod';
import type { NodeType, Outcome, Step } from '../node.ts';
import { attributeMethod, attributeRows, attributesOf } from './attributes.ts';
import { dataFields, path, render, template } from './config.ts';
import { reported } from './output.ts';
import { authenticates, named, renderGiven, wayOf } from './own-access.ts';
import { dataOf, textOf, withResult } from './payload.ts';

const Config = z
  .looseObject({
    integrationId: template,
    ...dataFields,
    attributeMethod,
    attributeFields: attributeRows,
    attributeTemplate: template,
    attributePayloadPath: path,
    messageGroupIdTemplate: template,
    messageDeduplicationIdTemplate: template,
    resultPath: path,
    credentialNameTemplate: template,
    accessKeyIdTemplate: template,
    secretAccessKeyTemplate: template,
    regionTemplate: template,
    queueUrl: template,
  })
  .superRefine(authenticates('SqsSendNode'));
type Config = z.infer<typeof Config>;

const OWN = {
  queueUrl: 'queueUrl',
  region: 'regionTemplate',
  accessKeyId: 'accessKeyIdTemplate',
  secretAccessKey: 'secretAccessKeyTemplate',
} as const;

/** Sends to a queue; never queued here. What SQS says, good or bad, is the result. */
export const sqsSend: NodeType<Config> = {
  type: 'SqsSendNode',
  config: Config,
  action: (config) => (step) => send(step, config),
};

async function send(step: Step, config: Config): Promise<Outcome> {
  const way = wayOf(step, config.integrationId, 'sqs', () => ({
    ...named(step, config.credentialNameTemplate),
    config: renderGiven(step, config, OWN),
  }));
  const payload = dataOf(step, config);
  const attributes = attributesOf(step, {
    method: config.attributeMethod,
    rows: config.attributeFields,
    template: ['attributeTemplate', config.attributeTemplate],
    path: ['attributePayloadPath', config.attributePayloadPath],
  }).map(([name, value]) => [name, attributeOf(value)] as const);
  const group = render(step, config.messageGroupIdTemplate);
  const deduplication = render(step, config.messageDeduplicationIdTemplate);
  const options = {
    ...(attributes.length === 0 ? {} : { attributes: Object.fromEntries(attributes) }),
    ...(group === '' ? {} : { messageGroupId: group }),
    ...(deduplication === '' ? {} : { messageDeduplicationId: deduplication }),
  };
  const reply = await step.ports.send({ id: step.outputId, ...way, options, payload });
  const error = reported(step, way, reply, config.resultPath);
  return withResult(step, config.resultPath, error === undefined ? { success: true, ...reply.result } : { success: false, error });
}

/** `{value, dataType}` as messages bring it; else numbers are Numbers, and everything else is text. */
function attributeOf(value: unknown): unknown {
  if (typeof value === 'object' && value !== null && 'dataType' in value && 'value' in value)
    return { value: value.value, dataType: value.dataType };
  return typeof value === 'number' ? { value, dataType: 'Number' } : { value: textOf(value), dataType: 'String' };
}
