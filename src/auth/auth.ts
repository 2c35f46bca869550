export interface User {
  readonly username: string;
  readonly role: 'admin';
}

export interface Auth {
  /** scrypt, constant time; null for an unknown user and a wrong password alike. */
  checkPassword(username: string, password: string): Promise<User | null>;
  /** A signed JWT for the REST API (24 h). */
  issueToken(user: User): Promise<string>;
  verifyToken(token: string): Promise<User | null>;
  findUser(username: string): Promise<User | null>;
}
