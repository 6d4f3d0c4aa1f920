import { createHash } from 'node:crypto';
import { type IntegrationType, type OwnAccessNode, type SendThrough, accessIssues } from '#lib/contracts';
import type { z } from 'zod';
import type { Step } from '../node.ts';
import { render, renderRequired } from './config.ts';
import { type Way, integrationOf } from './output.ts';

/** What nodes have in common that may bring an authentication of their own instead of an integration. */

type Config = Readonly<Record<string, unknown>>;

/** Requires `integrationId` or exactly one way of the node's own. */
export const authenticates =
  (type: OwnAccessNode) =>
  (config: Config, context: z.RefinementCtx): void => {
    for (const { path, message } of accessIssues(type, config)) context.addIssue({ code: 'custom', path: [...path], message });
  };

/** Where a node sends to: through the integration it names, else as whoever `own` says. */
export function wayOf(step: Step, integrationId: string, type: IntegrationType, own: () => SendThrough): Way {
  if (integrationId !== '') return { integration: integrationOf(step, integrationId, type) };
  const { applicationId } = step.run;
  const through = own();
  return { integration: { id: idOf([applicationId, type, through]), applicationId, integrationType: type, enabled: true }, through };
}

/** Looks like an integration's id. The same for whatever authenticates alike: one connector has it, over one connection. */
const idOf = (parts: readonly unknown[]): string => createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 24);

/** Renders those of the templates that are given. Throws RequiredTemplate, naming the field, when one comes out empty. */
export function renderGiven<C extends Config>(
  step: Step,
  config: C,
  fields: Readonly<Record<string, keyof C & string>>,
): Record<string, string> {
  const given = Object.entries(fields).filter(([, field]) => config[field] !== '');
  return Object.fromEntries(given.map(([name, field]) => [name, renderRequired(step, field, String(config[field]))]));
}

/** By the name of the service credential, where one is given. */
export const named = (step: Step, source: string): Pick<SendThrough, 'credentialName'> =>
  source === '' ? {} : { credentialName: renderRequired(step, 'credentialNameTemplate', source) };

/** A template that may come out empty: then it says nothing. */
export function renderOptional(step: Step, name: string, source: string): Record<string, string> {
  const text = render(step, source);
  return text === '' ? {} : { [name]: text };
}
