import { z } from 'zod';
import { ApiError } from '../api-error';
import { defineRoute } from '../route';

export const tokenRoutes = [
  defineRoute({
    method: 'post',
    path: '/auth/token',
    id: 'create_token',
    tag: 'Login',
    summary: 'A token for 24 hours, from a user name and a password',
    isPublic: true,
    secretBody: true,
    body: z.strictObject({ username: z.string(), password: z.string() }),
    status: 201,
    response: z.object({ access_token: z.string() }),
    errors: [401],
    handle: async ({ body, context: { auth } }) => {
      const user = await auth.checkPassword(body.username, body.password);
      if (!user) throw new ApiError(401, 'Wrong user name or password');
      return { access_token: await auth.issueToken(user) };
    },
  }),
];
