-- A shop that lends films, as another program made it: keys of several columns, keys that are foreign
-- keys, a table that refers to itself and two that refer to each other, junctions with and without
-- more in them, tables without a key, a view, and names that nobody would choose today. SQLite,
-- PostgreSQL and MariaDB (with sql_mode=ANSI_QUOTES) read this part alike.

CREATE TABLE "language" (
    "language_id" INTEGER NOT NULL PRIMARY KEY,
    "name" VARCHAR(20) NOT NULL UNIQUE,
    "last_update" TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE "category" (
    "category_id" INTEGER NOT NULL PRIMARY KEY,
    "name" VARCHAR(25) NOT NULL,
    "parent_id" INTEGER,
    CONSTRAINT "fk_category_parent" FOREIGN KEY ("parent_id")
        REFERENCES "category" ("category_id") ON DELETE SET NULL
);

CREATE TABLE "actor" (
    "actor_id" INTEGER NOT NULL PRIMARY KEY,
    "first_name" VARCHAR(45) NOT NULL,
    "last_name" VARCHAR(45) NOT NULL,
    "last_update" TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);

-- Two ways from one table to another, a default that the database gives, and a check.
CREATE TABLE "film" (
    "film_id" INTEGER NOT NULL PRIMARY KEY,
    "title" VARCHAR(128) NOT NULL,
    "language_id" INTEGER NOT NULL,
    "original_language_id" INTEGER,
    "rental_duration" SMALLINT NOT NULL DEFAULT 3,
    "rental_rate" DECIMAL(4, 2) NOT NULL DEFAULT 4.99,
    "last_update" TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "film_rate_is_not_negative" CHECK ("rental_rate" >= 0),
    CONSTRAINT "fk_film_language" FOREIGN KEY ("language_id") REFERENCES "language" ("language_id"),
    CONSTRAINT "fk_film_original" FOREIGN KEY ("original_language_id")
        REFERENCES "language" ("language_id")
);
CREATE INDEX "idx_film_title" ON "film" ("title");

-- A junction in which the database fills in the rest.
CREATE TABLE "film_actor" (
    "actor_id" INTEGER NOT NULL,
    "film_id" INTEGER NOT NULL,
    "last_update" TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY ("actor_id", "film_id"),
    CONSTRAINT "fk_film_actor_actor" FOREIGN KEY ("actor_id") REFERENCES "actor" ("actor_id"),
    CONSTRAINT "fk_film_actor_film" FOREIGN KEY ("film_id") REFERENCES "film" ("film_id")
);

-- A junction and nothing else.
CREATE TABLE "film_category" (
    "film_id" INTEGER NOT NULL,
    "category_id" INTEGER NOT NULL,
    PRIMARY KEY ("film_id", "category_id"),
    CONSTRAINT "fk_film_category_film" FOREIGN KEY ("film_id") REFERENCES "film" ("film_id"),
    CONSTRAINT "fk_film_category_category" FOREIGN KEY ("category_id")
        REFERENCES "category" ("category_id")
);

-- One for each film at most: the key is the foreign key.
CREATE TABLE "film_text" (
    "film_id" INTEGER NOT NULL PRIMARY KEY,
    "description" VARCHAR(400),
    CONSTRAINT "fk_film_text_film" FOREIGN KEY ("film_id") REFERENCES "film" ("film_id")
);

CREATE TABLE "country" (
    "code" CHAR(2) NOT NULL,
    "name" VARCHAR(50) NOT NULL,
    CONSTRAINT "country_code" UNIQUE ("code")
);

-- Two tables that refer to each other, and names that are words of SQL.
CREATE TABLE "store" (
    "store_id" INTEGER NOT NULL PRIMARY KEY,
    "country_code" CHAR(2),
    CONSTRAINT "fk_store_country" FOREIGN KEY ("country_code") REFERENCES "country" ("code")
);

CREATE TABLE "staff" (
    "staff_id" INTEGER NOT NULL PRIMARY KEY,
    "First Name" VARCHAR(45) NOT NULL,
    "select" VARCHAR(10),
    "größe" INTEGER,
    "名前" VARCHAR(20),
    "2nd" INTEGER,
    "createdAt" TIMESTAMP NULL,
    "email" VARCHAR(50) NOT NULL UNIQUE,
    "store_id" INTEGER NOT NULL,
    CONSTRAINT "fk_staff_store" FOREIGN KEY ("store_id") REFERENCES "store" ("store_id")
);
ALTER TABLE "store" ADD COLUMN "manager_staff_id" INTEGER REFERENCES "staff" ("staff_id");
CREATE UNIQUE INDEX "store_manager" ON "store" ("manager_staff_id");

-- A foreign key to what is not the key.
CREATE TABLE "letter" (
    "letter_id" INTEGER NOT NULL PRIMARY KEY,
    "to_email" VARCHAR(50) NOT NULL,
    CONSTRAINT "fk_letter_staff" FOREIGN KEY ("to_email") REFERENCES "staff" ("email")
);

-- A key of two columns with more beside it, and a foreign key of two columns that refers to it.
CREATE TABLE "stock" (
    "store_id" INTEGER NOT NULL,
    "film_id" INTEGER NOT NULL,
    "copies" INTEGER NOT NULL,
    "language_id" INTEGER,
    PRIMARY KEY ("store_id", "film_id"),
    CONSTRAINT "fk_stock_store" FOREIGN KEY ("store_id") REFERENCES "store" ("store_id"),
    CONSTRAINT "fk_stock_film" FOREIGN KEY ("film_id") REFERENCES "film" ("film_id"),
    CONSTRAINT "fk_stock_language" FOREIGN KEY ("language_id") REFERENCES "language" ("language_id")
);

CREATE TABLE "stocktaking" (
    "stocktaking_id" INTEGER NOT NULL PRIMARY KEY,
    "store_id" INTEGER NOT NULL,
    "film_id" INTEGER NOT NULL,
    "found" INTEGER NOT NULL,
    CONSTRAINT "fk_stocktaking_stock" FOREIGN KEY ("store_id", "film_id")
        REFERENCES "stock" ("store_id", "film_id")
);

CREATE TABLE "holiday" (
    "day" DATE NOT NULL PRIMARY KEY,
    "name" VARCHAR(40) NOT NULL
);

CREATE TABLE "journal" (
    "message" VARCHAR(200) NOT NULL,
    "at" TIMESTAMP NULL
);

-- Names that ours cannot be: kept for the server, with a mark in them, alike but for that.
CREATE TABLE "metadata" ("id" INTEGER NOT NULL PRIMARY KEY, "it's ""100%"" :x" VARCHAR(40));
CREATE TABLE "Post_Definition" ("id" INTEGER NOT NULL PRIMARY KEY, "body" VARCHAR(40));
CREATE TABLE "Film-List" ("id" INTEGER NOT NULL PRIMARY KEY, "note" VARCHAR(40));
CREATE TABLE "Übersicht" ("id" INTEGER NOT NULL PRIMARY KEY, "text" VARCHAR(40));
CREATE TABLE "ORDER" ("id" INTEGER NOT NULL PRIMARY KEY, "film" INTEGER,
    CONSTRAINT "fk_order_film" FOREIGN KEY ("film") REFERENCES "film" ("film_id") ON DELETE CASCADE);

CREATE VIEW "film_list" AS
    SELECT "film_id" AS "fid", "title", "rental_rate" AS "price" FROM "film";

INSERT INTO "language" ("language_id", "name") VALUES (1, 'English'), (2, 'Italiano');
INSERT INTO "category" VALUES (1, 'All', NULL), (2, 'Drama', 1), (3, 'Comedy', 1);
INSERT INTO "actor" ("actor_id", "first_name", "last_name")
    VALUES (1, 'Penélope', 'Guiness'), (2, 'Nick', 'Wahlberg');
INSERT INTO "film" ("film_id", "title", "language_id", "original_language_id", "rental_rate")
    VALUES (1, 'Academy Dinosaur', 1, NULL, 0.99), (2, 'La vita', 1, 2, 2.99), (3, 'Zoo', 2, NULL, 0.99);
INSERT INTO "film_actor" ("actor_id", "film_id") VALUES (1, 1), (1, 2), (2, 2);
INSERT INTO "film_category" VALUES (1, 2), (2, 3), (3, 2);
INSERT INTO "film_text" VALUES (1, 'A dinosaur at an academy');
INSERT INTO "country" VALUES ('DE', 'Germany'), ('IT', 'Italia');
INSERT INTO "store" ("store_id", "country_code") VALUES (1, 'DE'), (2, 'IT');
INSERT INTO "staff" VALUES
    (1, 'Mike', 'yes', 180, 'Taro', 7, '2006-02-15 03:57:16', 'mike@example.com', 1),
    (2, 'Jon', NULL, NULL, NULL, NULL, NULL, 'jon@example.com', 2);
UPDATE "store" SET "manager_staff_id" = 1 WHERE "store_id" = 1;
INSERT INTO "letter" VALUES (1, 'mike@example.com'), (2, 'jon@example.com'), (3, 'mike@example.com');
INSERT INTO "stock" VALUES (1, 1, 3, 1), (1, 2, 1, NULL), (2, 1, 2, 2);
INSERT INTO "stocktaking" VALUES (1, 1, 1, 3);
INSERT INTO "holiday" VALUES ('2026-12-25', 'Christmas'), ('2026-01-01', 'New Year');
INSERT INTO "journal" VALUES ('b', '2006-02-15 10:00:00'), ('a', NULL), ('b', NULL);
INSERT INTO "metadata" VALUES (1, 'mine');
INSERT INTO "Film-List" VALUES (1, 'not the view');
INSERT INTO "Übersicht" VALUES (1, 'über');
INSERT INTO "ORDER" VALUES (1, 3);
