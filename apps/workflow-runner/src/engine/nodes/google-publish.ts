import { z } from 'zod';
import type { NodeType, Outcome, Step } from '../node.ts';
import { attributeMethod, attributeRows, attributesOf } from './attributes.ts';
import { dataFields, path, renderRequired, requiredTemplate, template } from './config.ts';
import { integrationOf, requireSent, throughIntegration } from './output.ts';
import { dataOf, textOf, withResult } from './payload.ts';

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
  })
  .superRefine(throughIntegration('credentialNameTemplate', 'jwtDataTemplate', 'jwtDataPayloadPath', 'projectIdTemplate'));
type Config = z.infer<typeof Config>;

/** Publishes to a topic; never queued here. Its result has room for an id only: a failure throws. */
export const googlePublish: NodeType<Config> = {
  type: 'GooglePublishNode',
  config: Config,
  action: (config) => (step) => publish(step, config),
};

async function publish(step: Step, config: Config): Promise<Outcome> {
  const integration = integrationOf(step, config.integrationId, 'googlePubSub');
  const topic = renderRequired(step, 'topicTemplate', config.topicTemplate);
  const payload = dataOf(step, config);
  const attributes = attributesOf(step, {
    method: config.attrMethod,
    rows: config.attrFields,
    template: ['attrTemplate', config.attrTemplate],
    path: ['attrPayloadPath', config.attrPayloadPath],
  }).map(([name, value]) => [name, textOf(value)] as const);
  const options = { topic, ...(attributes.length === 0 ? {} : { attributes: Object.fromEntries(attributes) }) };
  const reply = await step.ports.send({ id: step.outputId, integration, options, payload });
  requireSent(integration.id, reply);
  return withResult(step, config.resultPath, reply.result ?? {});
}
