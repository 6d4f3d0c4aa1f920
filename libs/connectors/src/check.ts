import type { Definition } from '#lib/connector-sdk';
import { type FieldIssue, configFieldOf, issuesOf } from '#lib/contracts';
import { MASK } from './fields.ts';
import { secretPaths, templatePaths, visit } from './marks.ts';

export interface IntegrationInput {
  readonly credentialName?: string | undefined;
  readonly topics: readonly string[];
  /** `<type>Config` as it was sent, or as {@link mergePatchedConfig} made it; absent counts as `{}`. */
  readonly config: unknown;
}

export interface IntegrationChecks {
  /** Why a template's syntax is wrong; undefined: it is fine. */
  readonly template?: (source: string) => string | undefined;
  /** Why a host may not be connected to; undefined: it may, or that shows only when it is dialled. */
  readonly host?: (host: string) => string | undefined;
  /** Positions (`password`, `headers.0.headerValue`) whose mask stands for a stored secret. Any other mask is refused: nobody means eight asterisks. */
  readonly kept?: ReadonlySet<string>;
}

export type CheckedIntegration =
  | { readonly ok: true; readonly config: Record<string, unknown> }
  | { readonly ok: false; readonly issues: readonly FieldIssue[] };

function topicIssues({ topic, capabilities, title }: Definition, topics: readonly string[]): FieldIssue[] {
  if (!capabilities.topics) return topics.length === 0 ? [] : [{ path: ['topics'], message: `must be empty: ${title} has no topics` }];
  if (topic === undefined) return [];
  return topics.flatMap((entry, index) => {
    const parsed = topic.safeParse(entry);
    return parsed.success ? [] : issuesOf(parsed.error, ['topics', index]);
  });
}

/** Judges an integration by its definition: schema, rules across fields, topics, template syntax, hosts, masks. `config` has the defaults filled in. */
export function checkIntegration(definition: Definition, input: IntegrationInput, checks: IntegrationChecks = {}): CheckedIntegration {
  const at = configFieldOf(definition.type);
  const issues: FieldIssue[] = [];
  if (input.credentialName !== undefined && definition.credential === undefined)
    issues.push({ path: ['credentialName'], message: `cannot be used: ${definition.title} takes no service credential` });
  issues.push(...topicIssues(definition, input.topics));
  const parsed = definition.config.safeParse(input.config ?? {});
  if (!parsed.success) return { ok: false, issues: [...issuesOf(parsed.error, [at]), ...issues] };
  const config = parsed.data as Record<string, unknown>;
  for (const path of secretPaths(definition))
    visit(config, path, (value, position) => {
      if (value === MASK && checks.kept?.has(position.join('.')) !== true)
        issues.push({
          path: [at, ...position],
          message: 'is a mask, and no secret is stored that it could stand for: send the secret itself',
        });
    });
  issues.push(...definition.rules({ credentialName: input.credentialName, topics: input.topics, config }));
  for (const path of templatePaths(definition))
    visit(config, path, (value, position) => {
      const issue = typeof value === 'string' && value.includes('{{') ? checks.template?.(value) : undefined;
      if (issue !== undefined) issues.push({ path: [at, ...position], message: issue });
    });
  if (issues.length === 0)
    for (const { field, host } of definition.endpoints(config)) {
      const issue = checks.host?.(host);
      if (issue !== undefined) issues.push({ path: [at, field], message: issue });
    }
  return issues.length === 0 ? { ok: true, config } : { ok: false, issues };
}
