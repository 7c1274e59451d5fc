"""Scripts that leak: each line ending in ``# <- NAME`` is the line the scan must name."""

from __future__ import annotations

import re

import pytest

from holdfast.audit.code import scan

HEAD = """
import numpy as np, pandas as pd
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import train_test_split, cross_val_score, KFold, GridSearchCV
from sklearn.preprocessing import StandardScaler, MinMaxScaler
df = pd.read_csv("loans.csv")
y = df["bad"]
X = df.drop(columns=["bad"])
"""

LEAKS = {
    "scaler on the whole frame": """
X = StandardScaler().fit_transform(X)  # <- FIT-BEFORE-SPLIT
X_train, X_test, y_train, y_test = train_test_split(X, y)
""",
    "scaler under another name": """
from sklearn.preprocessing import RobustScaler as Rob
s = Rob()
Z = s.fit_transform(X)  # <- FIT-BEFORE-SPLIT
a, b, c, d = train_test_split(Z, y, test_size=0.2)
""",
    "scaler by module": """
import sklearn.preprocessing as pp
Z = pp.StandardScaler().fit_transform(X)  # <- FIT-BEFORE-SPLIT
tr, te = train_test_split(Z)
""",
    "fit and transform apart": """
s = StandardScaler()
s.fit(X)  # <- FIT-BEFORE-SPLIT
Z = s.transform(X)
X_train, X_test, y_train, y_test = train_test_split(Z, y)
""",
    "fit chained": """
Z = StandardScaler().fit(X).transform(X)  # <- FIT-BEFORE-SPLIT
X_train, X_test = train_test_split(Z)
""",
    "fit on all after the split": """
X_train, X_test, y_train, y_test = train_test_split(X, y)
s = StandardScaler().fit(X)  # <- FIT-BEFORE-SPLIT
X_train = s.transform(X_train)
X_test = s.transform(X_test)
""",
    "imputer into columns of the frame": """
from sklearn.impute import SimpleImputer
cols = ["age", "income"]
df[cols] = SimpleImputer().fit_transform(df[cols])  # <- FIT-BEFORE-SPLIT
train, test = train_test_split(df)
""",
    "loc assignment": """
df.loc[:, "age"] = MinMaxScaler().fit_transform(df[["age"]])  # <- FIT-BEFORE-SPLIT
train, test = train_test_split(df)
""",
    "mean of the whole column": """
df["age"] = df["age"].fillna(df["age"].mean())  # <- FIT-BEFORE-SPLIT
train, test = train_test_split(df)
""",
    "mean in place": """
df["age"].fillna(df["age"].median(), inplace=True)  # <- FIT-BEFORE-SPLIT
train, test = train_test_split(df)
""",
    "fill the frame in place": """
X.fillna(X.mean(), inplace=True)  # <- FIT-BEFORE-SPLIT
X_train, X_test, y_train, y_test = train_test_split(X, y)
""",
    "scaling by hand": """
X = (X - X.mean()) / X.std()  # <- FIT-BEFORE-SPLIT
X_train, X_test, y_train, y_test = train_test_split(X, y)
""",
    "scaling by numpy": """
mu = np.mean(X, axis=0)  # <- FIT-BEFORE-SPLIT
X = X - mu
X_train, X_test = X[:800], X[800:]
""",
    "pca before the split": """
from sklearn.decomposition import PCA
X_pca = PCA(n_components=5).fit_transform(X)  # <- FIT-BEFORE-SPLIT
X_train, X_test, y_train, y_test = train_test_split(X_pca, y)
""",
    "tfidf before the split": """
from sklearn.feature_extraction.text import TfidfVectorizer
vec = TfidfVectorizer(max_features=5000)
Z = vec.fit_transform(df["text"])  # <- FIT-BEFORE-SPLIT
X_train, X_test, y_train, y_test = train_test_split(Z, y)
""",
    "column transformer on all rows": """
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import OneHotEncoder
pre = ColumnTransformer([("n", StandardScaler(), ["age"]), ("c", OneHotEncoder(), ["job"])])
Z = pre.fit_transform(X)  # <- FIT-BEFORE-SPLIT
X_train, X_test, y_train, y_test = train_test_split(Z, y)
""",
    "transformer pipeline on all rows": """
from sklearn.pipeline import make_pipeline
from sklearn.impute import SimpleImputer
prep = make_pipeline(SimpleImputer(), StandardScaler())
Z = prep.fit_transform(X)  # <- FIT-BEFORE-SPLIT
X_train, X_test = train_test_split(Z)
""",
    "in a function": """
def prepare(frame):
    scaled = StandardScaler().fit_transform(frame)  # <- FIT-BEFORE-SPLIT
    return scaled

Z = prepare(X)
X_train, X_test, y_train, y_test = train_test_split(Z, y)
""",
    "split in a function": """
def split(a, b):
    return train_test_split(a, b, test_size=0.3)

X = MinMaxScaler().fit_transform(X)  # <- FIT-BEFORE-SPLIT
X_train, X_test, y_train, y_test = split(X, y)
""",
    "in a main function nobody calls": """
def main():
    data = pd.read_csv("x.csv")
    data = StandardScaler().fit_transform(data)  # <- FIT-BEFORE-SPLIT
    train, test = train_test_split(data)
""",
    "in a class": """
class Job:
    def load(self):
        self.X = pd.read_csv("x.csv")
        self.X = StandardScaler().fit_transform(self.X)  # <- FIT-BEFORE-SPLIT

    def split(self):
        self.X_train, self.X_test = train_test_split(self.X)

job = Job()
job.load()
job.split()
""",
    "in a branch": """
if df.shape[0] > 10:
    X = StandardScaler().fit_transform(X)  # <- FIT-BEFORE-SPLIT
else:
    X = X.values
X_train, X_test = train_test_split(X)
""",
    "own transformer class": """
class Clip:
    def fit(self, X, y=None):
        self.hi = X.max()
        return self
    def transform(self, X):
        return X.clip(upper=self.hi)

Z = Clip().fit_transform(X)  # <- FIT-BEFORE-SPLIT
X_train, X_test = train_test_split(Z)
""",
    "cut by hand": """
X = StandardScaler().fit_transform(X)  # <- FIT-BEFORE-SPLIT
n = int(len(X) * 0.8)
X_train, X_test = X[:n], X[n:]
model = LogisticRegression().fit(X_train, y[:n])
print(model.score(X_test, y[n:]))
""",
    "cut by date": """
df["price"] = (df["price"] - df["price"].mean()) / df["price"].std()  # <- FIT-BEFORE-SPLIT
train = df[df["day"] < "2020-01-01"]
test = df[df["day"] >= "2020-01-01"]
""",
    "sample and drop": """
df["z"] = MinMaxScaler().fit_transform(df[["a"]])  # <- FIT-BEFORE-SPLIT
train = df.sample(frac=0.8, random_state=1)
test = df.drop(train.index)
""",
    "folds after scaling": """
Z = StandardScaler().fit_transform(X)  # <- FIT-BEFORE-SPLIT
for tr, te in KFold(5).split(Z):
    model = LogisticRegression().fit(Z[tr], y[tr])
    print(model.score(Z[te], y[te]))
""",
    "time series folds after scaling": """
from sklearn.model_selection import TimeSeriesSplit
Z = StandardScaler().fit_transform(X)  # <- FIT-BEFORE-SPLIT
tscv = TimeSeriesSplit(5)
for i, (tr, te) in enumerate(tscv.split(X)):
    model = Ridge().fit(Z[tr], y.iloc[tr])
    print(model.score(Z[te], y.iloc[te]))
""",
    "scaling before cross_val_score": """
Z = StandardScaler().fit_transform(X)  # <- FIT-BEFORE-SPLIT
print(cross_val_score(LogisticRegression(), Z, y, cv=5).mean())
""",
    "scaling before a grid search": """
Z = MinMaxScaler().fit_transform(X)  # <- FIT-BEFORE-SPLIT
search = GridSearchCV(Ridge(), {"alpha": [1, 10]})
search.fit(Z, y)
""",
    "scaling before cross_validate by keyword": """
from sklearn.model_selection import cross_validate
Z = MinMaxScaler().fit_transform(X)  # <- FIT-BEFORE-SPLIT
cross_validate(Ridge(), X=Z, y=y)
""",
    "smote before the split": """
from imblearn.over_sampling import SMOTE
X_res, y_res = SMOTE().fit_resample(X, y)  # <- RESAMPLE-BEFORE-SPLIT
X_train, X_test, y_train, y_test = train_test_split(X_res, y_res)
""",
    "smote before cross-validation of the training rows": """
from imblearn.over_sampling import ADASYN
X_train, X_test, y_train, y_test = train_test_split(X, y)
X_res, y_res = ADASYN().fit_resample(X_train, y_train)  # <- RESAMPLE-BEFORE-SPLIT
print(cross_val_score(LogisticRegression(), X_res, y_res))
""",
    "old name of resampling": """
import imblearn
sampler = imblearn.over_sampling.RandomOverSampler()
X, y = sampler.fit_sample(X, y)  # <- RESAMPLE-BEFORE-SPLIT
X_train, X_test, y_train, y_test = train_test_split(X, y)
""",
    "upsampling by resample": """
from sklearn.utils import resample
minority = df[df.bad == 1]
majority = df[df.bad == 0]
more = resample(minority, replace=True, n_samples=len(majority))  # <- RESAMPLE-BEFORE-SPLIT
both = pd.concat([majority, more])
train, test = train_test_split(both)
""",
    "selection before the split": """
from sklearn.feature_selection import SelectKBest, f_classif
Z = SelectKBest(f_classif, k=20).fit_transform(X, y)  # <- SELECT-BEFORE-SPLIT
X_train, X_test, y_train, y_test = train_test_split(Z, y)
""",
    "selection before cross-validation": """
from sklearn.feature_selection import RFE
Z = RFE(LogisticRegression(), n_features_to_select=5).fit_transform(X, y)  # <- SELECT-BEFORE-SPLIT
print(cross_val_score(LogisticRegression(), Z, y))
""",
    "selection by support": """
from sklearn.feature_selection import SelectFromModel
sel = SelectFromModel(LogisticRegression()).fit(X, y)  # <- SELECT-BEFORE-SPLIT
X = X.loc[:, sel.get_support()]
X_train, X_test, y_train, y_test = train_test_split(X, y)
""",
    "selection by correlation": """
corr = df.corr()["bad"].abs()  # <- SELECT-BEFORE-SPLIT
keep = corr[corr > 0.1].index
train, test = train_test_split(df[keep])
""",
    "selection by importance": """
from sklearn.ensemble import RandomForestClassifier
rf = RandomForestClassifier().fit(X, y)
top = X.columns[np.argsort(rf.feature_importances_)[-10:]]  # <- SELECT-BEFORE-SPLIT
X = X[top]
X_train, X_test, y_train, y_test = train_test_split(X, y)
""",
    "selection by mutual information": """
from sklearn.feature_selection import mutual_info_classif
mi = mutual_info_classif(X, y)  # <- SELECT-BEFORE-SPLIT
X = X[X.columns[mi > 0.01]]
X_train, X_test, y_train, y_test = train_test_split(X, y)
""",
    "selection on test data": """
from sklearn.feature_selection import SelectKBest
X_train, X_test, y_train, y_test = train_test_split(X, y)
sel = SelectKBest(k=5).fit(X_test, y_test)  # <- FIT-ON-TEST
""",
    "target encoding by groupby": """
df["city_rate"] = df.groupby("city")["bad"].transform("mean")  # <- ENCODE-BEFORE-SPLIT
train, test = train_test_split(df)
""",
    "target encoding by map": """
rates = df.groupby("city")["bad"].mean()  # <- ENCODE-BEFORE-SPLIT
df["city"] = df["city"].map(rates)
train, test = train_test_split(df)
""",
    "target encoding by merge": """
rates = df.groupby("city").agg({"bad": "mean"}).reset_index()  # <- ENCODE-BEFORE-SPLIT
df = df.merge(rates, on="city")
train, test = train_test_split(df)
""",
    "target encoder": """
from category_encoders import TargetEncoder
X = TargetEncoder(cols=["city"]).fit_transform(X, y)  # <- ENCODE-BEFORE-SPLIT
X_train, X_test, y_train, y_test = train_test_split(X, y)
""",
    "fit_transform on the test rows": """
X_train, X_test, y_train, y_test = train_test_split(X, y)
s = StandardScaler()
X_train = s.fit_transform(X_train)
X_test = s.fit_transform(X_test)  # <- FIT-ON-TEST
""",
    "fit_transform on another file of test rows": """
test = pd.read_csv("test.csv")
test[["a"]] = StandardScaler().fit_transform(test[["a"]])  # <- FIT-ON-TEST
""",
    "fit on train and test together": """
train = pd.read_csv("train.csv")
test = pd.read_csv("test.csv")
both = pd.concat([train, test])
s = StandardScaler().fit(both)  # <- FIT-ON-TEST
train = s.transform(train)
""",
    "test rows filled with their own mean": """
X_train, X_test, y_train, y_test = train_test_split(X, y)
X_test = X_test.fillna(X_test.mean())  # <- FIT-ON-TEST
""",
    "model fitted on all rows and scored on some": """
X_train, X_test, y_train, y_test = train_test_split(X, y)
model = LogisticRegression()
model.fit(X, y)  # <- FIT-ON-TEST
print(model.score(X_test, y_test))
""",
    "model fitted before the split": """
from sklearn.metrics import roc_auc_score
model = LogisticRegression().fit(X, y)  # <- FIT-ON-TEST
X_train, X_test, y_train, y_test = train_test_split(X, y)
p = model.predict_proba(X_test)[:, 1]
print(roc_auc_score(y_test, p))
""",
    "model fitted on the test rows": """
X_train, X_test, y_train, y_test = train_test_split(X, y)
model = Ridge()
model.fit(X_test, y_test)  # <- FIT-ON-TEST
""",
    "model fitted on both parts, then scored": """
X_train, X_test, y_train, y_test = train_test_split(X, y)
A = np.vstack([X_train, X_test])
model = Ridge().fit(A, np.concatenate([y_train, y_test]))  # <- FIT-ON-TEST
print(model.score(X_test, y_test))
""",
    "grid search on the test rows": """
X_train, X_test, y_train, y_test = train_test_split(X, y)
GridSearchCV(Ridge(), {"alpha": [1]}).fit(X_test, y_test)  # <- FIT-ON-TEST
""",
    "a loop over parameters scored on test": """
X_train, X_test, y_train, y_test = train_test_split(X, y)
for c in [0.1, 1, 10]:
    model = LogisticRegression(C=c).fit(X_train, y_train)
    print(c, model.score(X_test, y_test))  # <- TUNE-ON-TEST
""",
    "a loop that keeps the best": """
from sklearn.metrics import f1_score
X_train, X_test, y_train, y_test = train_test_split(X, y)
p = LogisticRegression().fit(X_train, y_train).predict_proba(X_test)[:, 1]
best = 0
for t in np.linspace(0, 1, 50):
    f = f1_score(y_test, p > t)
    if f > best:  # <- TUNE-ON-TEST
        best, cut = f, t
""",
    "maximum of a list of test scores": """
from sklearn.metrics import f1_score
X_train, X_test, y_train, y_test = train_test_split(X, y)
p = LogisticRegression().fit(X_train, y_train).predict_proba(X_test)[:, 1]
scores = [f1_score(y_test, p > t) for t in range(10)]
best = np.argmax(scores)  # <- TUNE-ON-TEST
""",
    "early stopping on the test rows": """
from xgboost import XGBClassifier
X_train, X_test, y_train, y_test = train_test_split(X, y)
model = XGBClassifier(early_stopping_rounds=10)
model.fit(X_train, y_train, eval_set=[(X_test, y_test)])  # <- TUNE-ON-TEST
""",
    "lightgbm train with test valid sets": """
import lightgbm as lgb
X_train, X_test, y_train, y_test = train_test_split(X, y)
dtrain, dtest = lgb.Dataset(X_train, y_train), lgb.Dataset(X_test, y_test)
bst = lgb.train({}, dtrain, valid_sets=[dtest], callbacks=[early_stopping(9)])  # <- TUNE-ON-TEST
""",
    "keras early stopping on the test rows": """
from tensorflow.keras import Sequential
from tensorflow.keras.callbacks import EarlyStopping
X_train, X_test, y_train, y_test = train_test_split(X, y)
model = Sequential([])
stop = EarlyStopping(patience=3)
model.fit(X_train, y_train, validation_data=(X_test, y_test), callbacks=[stop])  # <- TUNE-ON-TEST
""",
    "optuna on the test rows": """
import optuna
X_train, X_test, y_train, y_test = train_test_split(X, y)
def objective(trial):
    model = Ridge(alpha=trial.suggest_float("a", 0, 1)).fit(X_train, y_train)
    return model.score(X_test, y_test)  # <- TUNE-ON-TEST
optuna.create_study().optimize(objective, n_trials=50)
""",
    "five models on one test part": """
X_train, X_test, y_train, y_test = train_test_split(X, y)
a = Ridge(1).fit(X_train, y_train); print(a.score(X_test, y_test))
b = Ridge(2).fit(X_train, y_train); print(b.score(X_test, y_test))
c = Ridge(3).fit(X_train, y_train); print(c.score(X_test, y_test))
d = Ridge(4).fit(X_train, y_train); print(d.score(X_test, y_test))  # <- TUNE-ON-TEST
e = Ridge(5).fit(X_train, y_train); print(e.score(X_test, y_test))
""",
    "scored on the training rows only": """
model = LogisticRegression().fit(X, y)
print(model.score(X, y))  # <- SCORED-ON-TRAIN
""",
    "metric of the training rows only": """
from sklearn.metrics import accuracy_score
model = LogisticRegression()
model.fit(X, y)
pred = model.predict(X)
print(accuracy_score(y, pred))  # <- SCORED-ON-TRAIN
""",
    "own split function with telling names": """
from helpers import my_split
X = StandardScaler().fit_transform(X)  # <- FIT-BEFORE-SPLIT
X_train, X_test, y_train, y_test = my_split(X, y)
""",
    "numpy split": """
df["a"] = MinMaxScaler().fit_transform(df[["a"]])  # <- FIT-BEFORE-SPLIT
train, valid, test = np.split(df.sample(frac=1), [600, 800])
""",
    "mask split": """
msk = np.random.rand(len(df)) < 0.8
df["a"] = df["a"] / df["a"].max()  # <- FIT-BEFORE-SPLIT
train = df[msk]
test = df[~msk]
""",
    "unknown rows": """
Z = StandardScaler().fit_transform(features)  # <- FIT-BEFORE-SPLIT
X_train, X_test = train_test_split(Z)
""",
}  # fmt: skip


def marked(script: str) -> set[tuple[int, str]]:
    found = set()
    for number, line in enumerate(script.split("\n"), 1):
        mark = re.search(r"# <- ([A-Z-]+)$", line)
        if mark:
            found.add((number, f"HF-L-CODE-{mark.group(1)}"))
    return found


@pytest.mark.parametrize("name", LEAKS)
def test_the_scan_names_the_line_of_every_leak_and_no_other(name):
    script = HEAD + LEAKS[name]
    found = {(f.evidence["line"], f.code) for f in scan(script)}
    assert marked(script)
    assert found == marked(script)
