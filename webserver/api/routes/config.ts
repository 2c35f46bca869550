import { z } from 'zod';
import type { Config } from '../../../src/config/config';
import { describeConfig } from '../../../src/config/load-config';
import { notFound } from '../api-error';
import { defineRoute, OtherAnswer } from '../route';

const configSchema = z.object({
  sections: z.array(z.object({ name: z.string(), options: z.array(z.object({ key: z.string(), value: z.string() })) })),
});
type ConfigAnswer = z.input<typeof configSchema>;
const plain = 'text/plain';

export const configRoutes = [
  defineRoute({
    method: 'get',
    path: '/api/v2/config',
    id: 'get_config',
    tag: 'Config',
    summary: 'The settings of this web server; secrets are masked',
    query: z.object({ section: z.string().optional().describe('settings, connections or variables') }),
    response: configSchema,
    otherTypes: [plain],
    errors: [404, 406],
    handle: async ({ query, accepts, context: { config } }) => {
      const sections = sectionsOf(config).filter(({ name }) => query.section === undefined || name === query.section);
      if (sections.length === 0) throw notFound('The section', query.section!);
      return answer({ sections }, accepts);
    },
  }),
  defineRoute({
    method: 'get',
    path: '/api/v2/config/section/{section}/option/{option}',
    id: 'get_config_value',
    tag: 'Config',
    summary: 'One setting of this web server; a secret is masked',
    params: z.object({ section: z.string(), option: z.string() }),
    response: configSchema,
    otherTypes: [plain],
    errors: [404, 406],
    handle: async ({ params, accepts, context: { config } }) => {
      const options = sectionsOf(config).find(({ name }) => name === params.section)?.options ?? [];
      const option = options.find(({ key }) => key === params.option);
      if (!option) throw notFound(`The option of section "${params.section}"`, params.option);
      return answer({ sections: [{ name: params.section, options: [option] }] }, accepts);
    },
  }),
];

/** Families of variables are sections of their own. */
function sectionsOf(config: Config): ConfigAnswer['sections'] {
  const entries = describeConfig(config).map(({ key, value }) => {
    const [, family, name] = /^(connections|variables)\.(.*)$/s.exec(key) ?? [];
    return { section: family ?? 'settings', key: name ?? key, value };
  });
  return ['settings', 'connections', 'variables']
    .map((name) => ({ name, options: entries.filter(({ section }) => section === name).map(({ key, value }) => ({ key, value })) }))
    .filter(({ options }) => options.length > 0);
}

function answer(found: ConfigAnswer, accepts: string): ConfigAnswer | OtherAnswer {
  if (accepts !== plain) return found;
  const text = found.sections.map(({ name, options }) =>
    [`[${name}]`, ...options.map(({ key, value }) => `${key} = ${value}`), ''].join('\n'),
  );
  return new OtherAnswer(plain, text.join('\n'));
}
