import { z } from 'zod';
import { NodeError } from '../errors.ts';
import type { NodeType, Outcome, Step } from '../node.ts';
import { attributeMethod, attributeRows, attributesOf } from './attributes.ts';
import { dataFields, path, renderRequired, requiredTemplate, template } from './config.ts';
import { requireSent } from './output.ts';
import { authenticates, named, renderOptional, wayOf } from './own-access.ts';
import { dataOf, messageOf, textOf, withResult } from './payload.ts';

const Config = z
  .looseObject({
    integrationId: template,
    topicTemplate: requiredTemplate,
    ...dataFields,
    attrMethod: attributeMethod,
    attrFields: attributeRows,
    attrTemplate: template,
    attrPayloadPath: path,
    resultPath: path,
    credentialNameTemplate: template,
    jwtDataMethod: z.enum(['jsonTemplate', 'payloadPath'], 'must be jsonTemplate or payloadPath').default('jsonTemplate'),
    jwtDataTemplate: template,
    jwtDataPayloadPath: path,
    /** Else the key's own. */
    projectIdTemplate: template,
  })
  .superRefine(authenticates('GooglePublishNode'));
type Config = z.infer<typeof Config>;

/** Publishes to a topic; never queued here. Its result has room for an id only: a failure throws. */
export const googlePublish: NodeType<Config> = {
  type: 'GooglePublishNode',
  config: Config,
  action: (config) => (step) => publish(step, config),
};

async function publish(step: Step, config: Config): Promise<Outcome> {
  const way = wayOf(step, config.integrationId, 'googlePubSub', () => ({
    ...named(step, config.credentialNameTemplate),
    config: { ...keyOf(step, config), ...renderOptional(step, 'projectId', config.projectIdTemplate) },
  }));
  const topic = renderRequired(step, 'topicTemplate', config.topicTemplate);
  const payload = dataOf(step, config);
  const attributes = attributesOf(step, {
    method: config.attrMethod,
    rows: config.attrFields,
    template: ['attrTemplate', config.attrTemplate],
    path: ['attrPayloadPath', config.attrPayloadPath],
  }).map(([name, value]) => [name, textOf(value)] as const);
  const options = { topic, ...(attributes.length === 0 ? {} : { attributes: Object.fromEntries(attributes) }) };
  const reply = await step.ports.send({ id: step.outputId, ...way, options, payload });
  requireSent(way, reply);
  return withResult(step, config.resultPath, reply.result ?? {});
}

/** The key file's text, where the node brings it. */
function keyOf(step: Step, { credentialNameTemplate, jwtDataMethod, jwtDataTemplate, jwtDataPayloadPath }: Config): { keyJson?: string } {
  if (credentialNameTemplate !== '') return {};
  const byPath = jwtDataMethod === 'payloadPath';
  const keyJson = messageOf(step, {
    method: byPath ? 'payloadPath' : 'stringTemplate',
    template: ['jwtDataTemplate', jwtDataTemplate],
    path: ['jwtDataPayloadPath', jwtDataPayloadPath],
  });
  try {
    JSON.parse(keyJson);
  } catch {
    // The parser's words quote the key.
    throw new NodeError('InvalidJsonTemplate', `${byPath ? 'jwtDataPayloadPath' : 'jwtDataTemplate'} gives no JSON`);
  }
  return { keyJson };
}
