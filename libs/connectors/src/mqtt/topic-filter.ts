/** Why a text is no MQTT topic filter (MQTT 3.1.1 and 5, §4.7); undefined when it is one. `$share/<group>/<filter>` is allowed. */
export function topicFilterIssue(filter: string): string | undefined {
  if (filter === '') return 'must not be blank';
  if (filter.includes('\u0000')) return 'must not contain the character NUL';
  if (Buffer.byteLength(filter) > 65_535) return 'must have at most 65,535 bytes';
  if (/[\ud800-\udfff]/u.test(filter)) return 'must be valid Unicode';
  const levels = filter.split('/');
  if (levels[0] === '$share') {
    const [, group = '', ...rest] = levels;
    if (group === '' || /[+#]/.test(group)) return 'must name a group after $share, without + and #';
    if (rest.join('/') === '') return 'must have a topic filter after $share and its group';
  }
  for (const [index, level] of levels.entries()) {
    if (level.includes('#') && (level !== '#' || index !== levels.length - 1)) return 'may have # only as its last level, alone';
    if (level.includes('+') && level !== '+') return 'may have + only as a whole level';
  }
  return undefined;
}

/** Printable ASCII without wildcards and what begins with $: nearly every topic. */
const PLAIN_TOPIC = /^[ -"%-*,-~]{1,1024}$/;

/** Why a text is no topic to publish to; undefined when it is one. */
export function topicIssue(topic: string): string | undefined {
  if (PLAIN_TOPIC.test(topic)) return undefined;
  if (/[+#]/.test(topic)) return 'must not contain + or #';
  return topicFilterIssue(topic);
}

/** Whether a topic matches a filter; topics that begin with $ match no filter that begins with a wildcard. */
export function topicMatches(filter: string, topic: string): boolean {
  const shared = filter.startsWith('$share/') ? filter.split('/').slice(2) : filter.split('/');
  const levels = topic.split('/');
  if (topic.startsWith('$') && (shared[0] === '#' || shared[0] === '+')) return false;
  for (const [index, level] of shared.entries()) {
    if (level === '#') return true;
    if (index >= levels.length || (level !== '+' && level !== levels[index])) return false;
  }
  return shared.length === levels.length;
}

/**
 * Whether a topic still belongs to one of the filters. A kept session may hold subscriptions of an older configuration, which nothing lists. Filters that
 * begin with a broker's own prefix ($queue/…) are not ours to interpret: with one of them every topic is wanted.
 */
export function wantedTopics(filters: readonly string[]): (topic: string) => boolean {
  const foreign = filters.some((filter) => filter.startsWith('$') && !filter.startsWith('$share/') && !filter.startsWith('$SYS/'));
  if (foreign) return () => true;
  return (topic) => filters.some((filter) => topicMatches(filter, topic));
}
