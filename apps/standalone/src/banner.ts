import type { Demo } from './demo.ts';
import { ANSWER_TOPIC } from './demo.ts';

export interface BannerFacts {
  readonly httpUrl: string;
  readonly natsUrl: string;
  readonly dataDir: string;
  readonly tokenFile: string;
  /** The token itself: printed to a terminal only. */
  readonly token: string | undefined;
  readonly sync: string;
  readonly seconds: number;
  readonly demo: Demo | undefined;
}

/** What a person sees once everything is ready. */
export function banner(facts: BannerFacts): string {
  const lines = [
    `Sluice is ready (${facts.seconds.toFixed(1)} s).`,
    '',
    `  HTTP API      ${facts.httpUrl}  (reference: ${facts.httpUrl}/openapi.json)`,
    `  NATS          ${facts.natsUrl}`,
    `  data          ${facts.dataDir}  (synced to disk: ${facts.sync === 'always' ? 'at every write' : `every ${facts.sync}`})`,
    `  admin token   ${facts.tokenFile}${facts.token === undefined ? '' : `  ${facts.token}`}`,
  ];
  if (facts.demo !== undefined) {
    const broker = `-h 127.0.0.1 -p ${facts.demo.port}`;
    lines.push(
      '',
      'A demo flows already. See it, hear its answers, and send a reading of your own (in three more terminals, in this folder):',
      '',
      `  curl -N -H "Authorization: Bearer $(cat ${facts.tokenFile})" ${facts.httpUrl}/applications/${facts.demo.applicationId}/activity`,
      `  npx mqtt subscribe ${broker} -t ${ANSWER_TOPIC}`,
      `  npx mqtt publish ${broker} -q 1 -t demo/celsius -m 100`,
    );
  }
  lines.push('', 'Ctrl-C stops everything.', '');
  return `${lines.join('\n')}\n`;
}
