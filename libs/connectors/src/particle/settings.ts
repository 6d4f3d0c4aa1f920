const PARTICLE_CLOUD = 'https://api.particle.io';

/** Where the Particle cloud is: `SLUICE_PARTICLE_URL`, set by the operator. Throws, naming the setting and not its value. */
export function particleUrl({ SLUICE_PARTICLE_URL: text = '' }: Readonly<Record<string, string | undefined>>): URL {
  if (text === '') return new URL(PARTICLE_CLOUD);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || `${url.username}${url.password}${url.search}${url.hash}` !== '')
    throw new Error('SLUICE_PARTICLE_URL must be a URL that begins with http:// or https://, without user name, query or fragment');
  return url;
}
