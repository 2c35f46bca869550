import { z } from 'zod';
import { defineRoute, OtherAnswer } from '../route';

export const loginRoutes = [
  defineRoute({
    method: 'get',
    path: '/api/v2/auth/login',
    id: 'login',
    tag: 'Login',
    summary: 'Leads a browser to the page for signing in, and from there to `next`. Clients get a token at POST /auth/token',
    isPublic: true,
    query: z.object({ next: z.string().optional() }),
    response: z.unknown(),
    errors: [307],
    handle: async ({ query: { next } }) => {
      const query = next === undefined ? '' : `?${new URLSearchParams({ next }).toString()}`;
      // Relative, so that it holds below a base path, too.
      return new OtherAnswer('text/plain', '', { Location: `../../../login${query}` }, 307);
    },
  }),
];
