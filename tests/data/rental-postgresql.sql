-- What only PostgreSQL has of it.

ALTER TABLE "staff" ADD COLUMN "picture" BYTEA;

CREATE TYPE "Mpaa Rating" AS ENUM ('G', 'PG-13', 'PG', 'R');
CREATE DOMAIN "year" AS INTEGER CHECK (VALUE BETWEEN 1901 AND 2155);
CREATE TYPE "pair" AS ("a" INTEGER, "b" INTEGER);

CREATE TABLE "oddity" (
    "id" INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    "rating" "Mpaa Rating" DEFAULT 'G',
    "release_year" "year",
    "special_features" TEXT[],
    "period" TSRANGE,
    "span" INTERVAL,
    "opens" TIME,
    "address" INET,
    "flags" BIT(3),
    "price" MONEY,
    "place" POINT,
    "words" TSVECTOR,
    "markup" XML,
    "both" "pair",
    "exact" NUMERIC,
    "length" DOUBLE PRECISION,
    "doubled" DOUBLE PRECISION GENERATED ALWAYS AS ("length" * 2) STORED,
    "data" JSON,
    "small" SMALLINT,
    "fixed" CHAR(5),
    "raw" BYTEA
);
INSERT INTO "oddity" ("rating", "release_year", "special_features", "period", "span", "opens",
    "address", "flags", "price", "place", "words", "markup", "both", "exact", "length", "data",
    "small", "fixed", "raw")
VALUES ('PG', 2006, ARRAY['Trailers', 'Deleted Scenes'], '[2026-01-01,2026-01-02)', '1 day 2 hours',
    '10:30', '10.0.0.1/8', B'101', 5.5, '(1,2)', to_tsvector('simple', 'a fat cat'), '<a>1</a>',
    ROW(1, 2), 1.25, 1.5, '{"a": [1, 2]}', 7, 'ab', '\x00ff'),
    ('PG-13', NULL, NULL, NULL, NULL, '09:15', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    NULL, NULL, NULL, NULL);

CREATE TABLE "raw_only" ("raw" BYTEA, "data" JSON);

CREATE TABLE "loan" (
    "loan_id" INTEGER NOT NULL PRIMARY KEY,
    "film_id" INTEGER NOT NULL,
    "code" VARCHAR(10),
    CONSTRAINT "fk_loan_film" FOREIGN KEY ("film_id")
        REFERENCES "film" ("film_id") DEFERRABLE INITIALLY DEFERRED
);
CREATE UNIQUE INDEX "loan_code" ON "loan" (lower("code"));
CREATE UNIQUE INDEX "loan_coded" ON "loan" ("code") WHERE "film_id" > 1;
INSERT INTO "loan" VALUES (1, 1, 'A');

CREATE TABLE "ledger" ("id" SERIAL PRIMARY KEY, "amount" INTEGER NOT NULL);
INSERT INTO "ledger" ("amount") VALUES (5);
CREATE FUNCTION "ledger_is_kept"() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the ledger is kept'; END $$;
CREATE TRIGGER "ledger_is_kept" BEFORE DELETE ON "ledger"
    FOR EACH ROW EXECUTE FUNCTION "ledger_is_kept"();

CREATE SCHEMA "other";
CREATE TABLE "other"."place" ("id" INTEGER PRIMARY KEY);
CREATE TABLE "visit" ("id" INTEGER PRIMARY KEY, "place_id" INTEGER
    CONSTRAINT "fk_visit_place" REFERENCES "other"."place" ("id"));

CREATE TABLE "Film" ("id" INTEGER NOT NULL PRIMARY KEY, "Name" VARCHAR(20), "name" VARCHAR(20));
INSERT INTO "Film" VALUES (1, 'upper', 'lower');

CREATE MATERIALIZED VIEW "totals" AS
    SELECT "language_id", count(*) AS "films" FROM "film" GROUP BY 1;
